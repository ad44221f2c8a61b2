import type { Unreadable } from "../log/frame.ts";
import type { ReadMessages } from "../log/run-messages.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { StoredMessage } from "../terms.ts";
import { type ConsumedQueue, type Consumption, logQueue } from "./consumption.ts";

/** Offsets further apart than this are read on their own rather than with all that lies between. */
const NEAR = 32;

/** What was read, where all of it could be. Errors: `StoreCorrupt` with the offset of the first message that could not. */
export function readable({ messages, unreadable }: ReadMessages): readonly StoredMessage[] {
  failAt(unreadable);
  return messages;
}

/** Errors: `StoreCorrupt`, where there is one that cannot be read. */
export function failAt([first]: readonly Unreadable[]): void {
  if (first) throw new StoreCorrupt(`the message at offset ${first.offset} cannot be read: ${first.reason}`);
}

/** The messages at some offsets, ascending, without those that have expired. Errors: `StoreCorrupt`, as `readable`. */
export async function readOffsets(
  consumption: Consumption,
  queue: ConsumedQueue,
  offsets: readonly number[],
): Promise<readonly StoredMessage[]> {
  const wanted = new Set(offsets);
  const messages: StoredMessage[] = [];
  for (const [first, last] of stretches(offsets)) {
    for (let from = first; from <= last; ) {
      const run = await consumption.log.reader.run(logQueue(queue), from, last + 1 - from);
      const count = Math.min(run.available, last + 1 - run.from);
      if (count <= 0) break;
      messages.push(...readable(await consumption.log.messages(run, run.from, count, logQueue(queue), wanted)));
      from = run.from + count;
    }
  }
  return messages;
}

/** Groups neighbours: the first and the last offset of each group. */
function stretches(offsets: readonly number[]): readonly (readonly [first: number, last: number])[] {
  const found: [number, number][] = [];
  for (const offset of offsets) {
    const last = found.at(-1);
    if (last && offset - last[1] <= NEAR) last[1] = offset;
    else found.push([offset, offset]);
  }
  return found;
}
