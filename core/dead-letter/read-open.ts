import type { Unreadable } from "../log/frame.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { StoredMessage, Topic } from "../terms.ts";
import { buried, floorOf } from "./tombstone.ts";

export interface DeadLetterStore {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly clock: Clock;
}

export interface OpenMessages {
  /** Dead letters that are neither deleted, redriven, purged nor expired. */
  readonly messages: readonly StoredMessage[];
  /** Those among them that cannot be read. */
  readonly unreadable: readonly Unreadable[];
  /** The offset to continue from; `undefined` at the end. */
  readonly next: number | undefined;
  /** All offsets below it counted as purged. */
  readonly floor: number;
}

/** How many dead letters are open in a group's topic, and the offsets between which they lie. */
export async function countOpen({ items, log }: Pick<DeadLetterStore, "items" | "log">, topic: Topic) {
  const queue = queueOf(topic, 0);
  const [floor, minOffset, until] = await Promise.all([
    floorOf(items, topic.uid),
    log.reader.minOffset(queue),
    log.reader.maxOffset(queue),
  ]);
  const from = Math.max(floor, minOffset);
  return { floor, until, open: Math.max(0, until - from - (await buried(items, topic.uid, from, until)).size) };
}

/** Reads `count` dead letters from an offset on, or fewer if they would make more than about `bytesMax`, unpacked. */
export async function readOpen(
  { items, log }: DeadLetterStore,
  topic: Topic,
  from: number,
  { count, bytesMax }: { readonly count: number; readonly bytesMax: number },
): Promise<OpenMessages> {
  const queue = queueOf(topic, 0);
  const floor = await floorOf(items, topic.uid);
  const run = await log.reader.run(queue, Math.max(from, floor), count);
  if (run.available === 0) return { messages: [], unreadable: [], next: undefined, floor };
  const read = await log.countWithin(run, Math.min(count, run.available), bytesMax);
  const next = run.from + read;
  const [{ messages, unreadable }, gone] = await Promise.all([
    log.messages(run, run.from, read, queue),
    buried(items, topic.uid, run.from, next),
  ]);
  return {
    messages: messages.filter((message) => !gone.has(message.offset)),
    unreadable: unreadable.filter(({ offset }) => !gone.has(offset)),
    next,
    floor,
  };
}
