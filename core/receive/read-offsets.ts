import type { Unreadable } from "../log/frame.ts";
import type { ReadMessages } from "../log/run-messages.ts";
import { type ConsumedQueue, logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { StoredMessage } from "../terms.ts";

/** Offsets further apart than this are read one by one, not together with everything between them. */
const NEAR = 32;

/** Reads the messages at some ascending offsets, without those that have expired. Names those that cannot be read. */
export async function readOffsets(
  consumption: Consumption,
  queue: ConsumedQueue,
  offsets: readonly number[],
): Promise<ReadMessages> {
  const wanted = new Set(offsets);
  const messages: StoredMessage[] = [];
  const unreadable: Unreadable[] = [];
  for (const [first, last] of stretches(offsets)) {
    for (let from = first; from <= last; ) {
      const run = await consumption.log.reader.run(logQueue(queue), from, last + 1 - from);
      const count = Math.min(run.available, last + 1 - run.from);
      if (count <= 0) break;
      const read = await consumption.log.messages(run, run.from, count, logQueue(queue), wanted);
      messages.push(...read.messages);
      unreadable.push(...read.unreadable);
      from = run.from + count;
    }
  }
  return { messages, unreadable };
}

/** Groups neighbouring offsets. Answers the first and the last offset of each group. */
function stretches(offsets: readonly number[]): readonly (readonly [first: number, last: number])[] {
  const found: [number, number][] = [];
  for (const offset of offsets) {
    const last = found.at(-1);
    if (last && offset - last[1] <= NEAR) last[1] = offset;
    else found.push([offset, offset]);
  }
  return found;
}
