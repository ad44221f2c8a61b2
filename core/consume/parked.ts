import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";

/**
 * Offsets below a group's next one that wait for their bucket, ascending, each with that bucket; `undefined` for a message
 * without a message group. All of them are one attribute of the progress item, absent where none waits:
 *
 *   k := lowest offset u40 · (step varint · [bucket u16])*
 *
 * A step is twice the distance from the offset before, the first one's from the lowest; odd where there is no bucket.
 */
export type Parked = ReadonlyMap<number, number | undefined>;

const NAME = "k";

export function parkedOf(item: Item): Parked {
  const parked = new Map<number, number | undefined>();
  const bytes = item[NAME] as Uint8Array | undefined;
  if (!bytes) return parked;
  const reader = new ByteReader(bytes);
  let offset = reader.u8() * 2 ** 32 + reader.u32();
  while (reader.remaining > 0) {
    const step = reader.varint();
    offset += Math.floor(step / 2);
    parked.set(offset, step % 2 === 0 ? reader.u16() : undefined);
  }
  return parked;
}

/** What makes the item hold these and no others. */
export function parkedChanges(item: Item, parked: Parked): readonly Change[] {
  if (parked.size > 0) return [{ op: "set", name: NAME, value: writeParked(parked) }];
  return item[NAME] === undefined ? [] : [{ op: "remove", name: NAME }];
}

/** Nobody has parked anything, or taken what was parked, since the item was read. */
export function parkedAsRead(item: Item): Condition {
  const value = item[NAME];
  return value === undefined ? { op: "absent", name: NAME } : { op: "=", name: NAME, value };
}

function writeParked(parked: Parked): Uint8Array {
  const out = new ByteWriter(8 + 4 * parked.size);
  let before: number | undefined;
  for (const [offset, bucket] of parked) {
    if (before === undefined) {
      out.u8(Math.floor(offset / 2 ** 32));
      out.u32(offset % 2 ** 32);
    }
    const step = 2 * (offset - (before ?? offset));
    out.varint(bucket === undefined ? step + 1 : step);
    if (bucket !== undefined) out.u16(bucket);
    before = offset;
  }
  return out.view();
}
