import type { MessageFilter } from "../filter/compile-filter.ts";
import { SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import type { Queue } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { StoredMessage } from "../terms.ts";
import { nextHint } from "./run-hint.ts";

export interface Search {
  readonly from: number;
  /** Base of a block at or before `from`, where one is known. */
  readonly hint?: number | undefined;
  /** Messages at most. */
  readonly messages: number;
  /** Bytes of bodies at most; the first match comes whatever its size. */
  readonly bytes: number;
  /**
   * Whether the time for it is over, asked before each chunk but the first: so every search comes on by one. What was passed over is
   * in the answer, and another search goes on behind it. Default: never.
   */
  readonly over?: (() => boolean) | undefined;
  /** Called between two chunks: others get their turn. */
  readonly pause?: (() => Promise<void>) | undefined;
}

export interface Found {
  readonly messages: readonly StoredMessage[];
  /** First offset that was not looked at. */
  readonly next: number;
  readonly hint: number | undefined;
  /** Messages passed over because they have expired. */
  readonly expired: number;
  /** Before `next`, and cannot be read: nobody knows whether the filter would let them through. */
  readonly unreadable: readonly Unreadable[];
}

/**
 * Looks for messages that a filter lets through, until there are enough, the queue ends, SCAN_MESSAGES_MAX were looked at, or the
 * time is over. Errors: `StoreUnavailable`.
 */
export async function findMatching(log: QueueLog, queue: Queue, filter: MessageFilter, search: Search): Promise<Found> {
  const messages: StoredMessage[] = [];
  const unreadable: Unreadable[] = [];
  let { from: next, hint } = search;
  let expired = 0;
  let bytes = 0;
  while (messages.length < search.messages && next - search.from < SCAN_MESSAGES_MAX) {
    if (next > search.from) await search.pause?.();
    if (next > search.from && search.over?.()) break;
    const run = await log.reader.run(queue, next, SCAN_CHUNK, hint);
    if (run.available === 0) break;
    const count = await log.countToLookAt(run, SCAN_CHUNK);
    const matches = await log.matching(run, count, queue, filter);
    expired += run.expired;
    const full = matches.messages.find((message) => {
      bytes += message.body.length;
      if (messages.length === search.messages || (messages.length > 0 && bytes > search.bytes)) return true;
      messages.push(message);
      return false;
    });
    next = full?.offset ?? run.from + count;
    expired += matches.gone.filter((offset) => offset < next).length;
    unreadable.push(...before(matches.unreadable, next));
    hint = nextHint(run, next);
    if (full) break;
  }
  return { messages, next, hint, expired, unreadable };
}

const before = (unreadable: readonly Unreadable[], next: number): readonly Unreadable[] =>
  unreadable.filter(({ offset }) => offset < next);
