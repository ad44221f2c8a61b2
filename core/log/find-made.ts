import { partsOfId, toHex } from "../message/message-id.ts";
import type { StoredMessage } from "../terms.ts";
import { isWhole, readFrameHead } from "./frame.ts";
import { EXPIRY_GUARD_SECONDS, FIND_BYTES_MAX, FIND_MESSAGES } from "./log-limits.ts";
import type { Queue } from "./queue.ts";
import type { QueueLog } from "./queue-log.ts";
import { nextHint, type Run } from "./run-walk.ts";
import { type Slice, slicesOf } from "./slices.ts";

/**
 * The message that was found; `"unreadable"` if it is there, or may be, and cannot be read; `"unfinished"` if it may be behind all that
 * was read; `undefined` if the queue does not have it, or not any more.
 */
export type FoundMade = StoredMessage | "unreadable" | "unfinished" | undefined;

/**
 * A message is at most this long behind its id in its queue: the guard outlasts a freeze and a flight together. An object takes one
 * flight at most, the append ends within the deadline of a send and a flight, and clocks of handlers differ by less than the rest.
 */
const BEHIND_ID_MS_MAX = EXPIRY_GUARD_SECONDS * 1_000;

export interface FindMade {
  readonly bytesMax?: number;
  /** How much earlier than its id a message may have been stored. Default: not at all, as from format 4 on. */
  readonly earlierMs?: number;
  /** Whether the time is over. The first messages are looked at all the same: it is among them as a rule. */
  readonly isOver?: () => boolean;
}

/**
 * Finds the message with an id that the broker made, in the queue that the id names. Its store time is not before the id's time, and
 * store times never fall along a queue. So the search begins at the first message stored at that time, and compares the ids of frames.
 * It reads about `bytesMax` of blocks. Errors: `StoreUnavailable`.
 */
export async function findMade(
  log: QueueLog,
  queue: Queue,
  id: string,
  { bytesMax = FIND_BYTES_MAX, earlierMs = 0, isOver = () => false }: FindMade = {},
): Promise<FoundMade> {
  const parts = partsOfId(id);
  if (!parts) return undefined;
  const untilMs = parts.madeAtMs + BEHIND_ID_MS_MAX;
  let next = await log.reader.offsetAt(queue, { timestampMs: parts.madeAtMs - earlierMs, boundary: "LOWER" });
  let hint: number | undefined;
  let bytes = 0;
  let damaged = false;
  for (let count: number = FIND_MESSAGES.first; ; count = Math.min(2 * count, FIND_MESSAGES.most)) {
    const run = await log.reader.run(queue, next, count, hint);
    for (const slice of slicesOf({ blocks: run.blocks, from: run.from, count: run.available })) {
      if (isOf(id, slice)) return readMade(log, queue, run, slice, id);
      damaged ||= !slice.frame || !isWhole(slice.frame);
      if (slice.storedAtMs > untilMs) return damaged ? "unreadable" : undefined;
    }
    if (run.available === 0) return damaged ? "unreadable" : undefined;
    bytes += run.blocks.reduce((sum, block) => sum + block.bytes, 0);
    if (bytes >= bytesMax || isOver()) return "unfinished";
    next = run.from + run.available;
    hint = nextHint(run, next);
  }
}

const isOf = (id: string, { frame }: Slice): boolean => frame !== undefined && id.startsWith(toHex(readFrameHead(frame).id));

/** A message with an id of its own does not have the one that follows from its frame. */
async function readMade(log: QueueLog, queue: Queue, run: Run, { offset, skip, count }: Slice, id: string): Promise<FoundMade> {
  const ordinal = Number.parseInt(id.slice(-4), 16);
  if (ordinal < skip || ordinal >= skip + count) return undefined;
  const { messages, unreadable } = await log.messages(run, offset - skip + ordinal, 1, queue);
  return unreadable.length > 0 ? "unreadable" : messages.find(({ messageId }) => messageId === id);
}
