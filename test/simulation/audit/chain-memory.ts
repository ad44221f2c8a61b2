import { blockOf } from "../../../core/log/block.ts";
import { type Slice, slicesOf } from "../../../core/log/slices.ts";
import type { Item } from "../../../core/ports/item-store.ts";

/** A message as the chain had it. */
export interface Written {
  /** The frame, and the message's place in it. */
  readonly frame: Uint8Array;
  readonly ordinal: number;
  readonly storedAtMs: number;
}

/** Every message that any chain ever had, by offset. What is deleted is not forgotten. */
export class ChainMemory {
  readonly #queues = new Map<string, Map<number, Written>>();

  /** As `<topic uid>#<queue>`. */
  get queues(): Iterable<string> {
    return this.#queues.keys();
  }

  /** By offset, in no order. */
  of(queue: string): ReadonlyMap<number, Written> {
    return this.#queues.get(queue) ?? new Map();
  }

  /** Keeps what a block holds. Answers the offsets that held something else before. */
  keep(queue: string, item: Item): readonly number[] {
    const known = this.#queues.get(queue) ?? new Map<number, Written>();
    this.#queues.set(queue, known);
    const block = blockOf(item);
    const changed: number[] = [];
    for (const [offset, written] of writtenIn(slicesOf({ blocks: [block], from: block.base, count: block.count }))) {
      const before = known.get(offset);
      if (before && !isSame(before, written)) changed.push(offset);
      else known.set(offset, written);
    }
    return changed;
  }
}

export function writtenIn(slices: readonly Slice[]): ReadonlyMap<number, Written> {
  const messages = new Map<number, Written>();
  for (const { frame = new Uint8Array(0), offset, skip, count, storedAtMs } of slices)
    for (let index = 0; index < count; index++) messages.set(offset + index, { frame, ordinal: skip + index, storedAtMs });
  return messages;
}

export const isSame = (one: Written, other: Written): boolean =>
  one.ordinal === other.ordinal && one.storedAtMs === other.storedAtMs && Buffer.compare(one.frame, other.frame) === 0;
