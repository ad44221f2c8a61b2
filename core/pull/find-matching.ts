import type { MessageFilter } from "../filter/compile-filter.ts";
import { SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import type { Queue } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { nextHint } from "../log/run-walk.ts";
import type { StoredMessage } from "../terms.ts";

export interface Search {
  readonly from: number;
  /** Base of a block at or before `from`, if known. */
  readonly hint?: number | undefined;
  /** Messages at most. */
  readonly messages: number;
  /** The most bytes of bodies. The first match is included whatever its size. */
  readonly bytes: number;
  /**
   * Whether the search's time is over. Called before each chunk but the first, so every search advances by one chunk. The answer
   * includes what was passed over, and another search can continue behind it. Default: never.
   */
  readonly over?: (() => boolean) | undefined;
  /** Called between two chunks: other work gets its turn. */
  readonly pause?: (() => Promise<void>) | undefined;
}

export interface Found {
  readonly messages: readonly StoredMessage[];
  /** The first offset that was not read. */
  readonly next: number;
  readonly hint: number | undefined;
  /** How many messages were skipped because they have expired. */
  readonly expired: number;
  /** Unreadable messages before `next`, which might match the filter. */
  readonly unreadable: readonly Unreadable[];
}

/**
 * Searches for messages that match a filter, until there are enough, the queue ends, SCAN_MESSAGES_MAX were read, or the time is over.
 * Errors: `StoreUnavailable`.
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
    const count = await log.countToView(run, SCAN_CHUNK);
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
