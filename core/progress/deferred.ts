import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";

/**
 * Offsets below a group's next offset that wait for their bucket, ascending. `buckets` has at the same index the bucket, or `undefined`
 * for a message without a message group. All of them are one attribute of the progress item, absent if nothing waits:
 *
 *   k := lowest offset u40 · (step varint · [bucket u16])*
 *
 * A step is twice the distance from the offset before (for the first: from the lowest). It is odd if there is no bucket.
 */
export interface Deferred {
  readonly offsets: readonly number[];
  readonly buckets: readonly (number | undefined)[];
}

const NAME = "k";
const NOTHING: Deferred = { offsets: [], buckets: [] };

// Stored bytes never change, and an item keeps the same array through updates that do not touch it.
const parsed = new WeakMap<Uint8Array, Deferred>();

export function deferredOf(item: Item): Deferred {
  const bytes = item[NAME] as Uint8Array | undefined;
  if (!bytes) return NOTHING;
  const known = parsed.get(bytes);
  if (known) return known;
  const deferred = readDeferred(bytes);
  parsed.set(bytes, deferred);
  return deferred;
}

/** The bytes that deferred offsets take in the item. */
export const deferredBytes = (item: Item): number => (item[NAME] as Uint8Array | undefined)?.length ?? 0;

/** The changes after which the item holds exactly these. */
export function deferredChanges(item: Item, deferred: Deferred): readonly Change[] {
  if (deferred.offsets.length > 0) return [{ op: "set", name: NAME, value: writeDeferred(deferred) }];
  return item[NAME] === undefined ? [] : [{ op: "remove", name: NAME }];
}

/** The condition that the deferred offsets are as they were read. */
export function deferredAsRead(item: Item): Condition {
  const value = item[NAME];
  return value === undefined ? { op: "absent", name: NAME } : { op: "=", name: NAME, value };
}

/** The offsets that wait for each bucket, ascending. */
export function offsetsByBucket({ offsets, buckets }: Deferred): Map<number, number[]> {
  const byBucket = new Map<number, number[]>();
  for (const [index, offset] of offsets.entries()) {
    const bucket = buckets[index];
    if (bucket === undefined) continue;
    const some = byBucket.get(bucket);
    if (some) some.push(offset);
    else byBucket.set(bucket, [offset]);
  }
  return byBucket;
}

export function withoutBuckets({ offsets, buckets }: Deferred, gone: ReadonlySet<number>): Deferred {
  const stays = (_: unknown, index: number): boolean => !gone.has(buckets[index] ?? -1);
  return { offsets: offsets.filter(stays), buckets: buckets.filter(stays) };
}

/** Merges `more` into the others, ascending. */
export function withDeferred(deferred: Deferred, bucket: number, more: readonly number[]): Deferred {
  const behind = deferred.offsets.map((offset, index) => ({ offset, bucket: deferred.buckets[index] }));
  const all = [...behind, ...more.map((offset) => ({ offset, bucket }))].sort((a, b) => a.offset - b.offset);
  return { offsets: all.map(({ offset }) => offset), buckets: all.map((one) => one.bucket) };
}

/** Decodes the attribute; a backlog has the same encoding. */
export function readDeferred(bytes: Uint8Array): Deferred {
  const reader = new ByteReader(bytes);
  const offsets: number[] = [];
  const buckets: (number | undefined)[] = [];
  let offset = reader.u8() * 2 ** 32 + reader.u32();
  while (reader.remaining > 0) {
    const step = reader.varint();
    offset += Math.floor(step / 2);
    offsets.push(offset);
    buckets.push(step % 2 === 0 ? reader.u16() : undefined);
  }
  return { offsets, buckets };
}

export function writeDeferred({ offsets, buckets }: Deferred): Uint8Array {
  const lowest = offsets[0] ?? 0;
  const out = new ByteWriter(8 + 4 * offsets.length);
  out.u8(Math.floor(lowest / 2 ** 32));
  out.u32(lowest % 2 ** 32);
  let before = lowest;
  for (let index = 0; index < offsets.length; index++) {
    const offset = offsets[index] as number;
    const bucket = buckets[index];
    const step = 2 * (offset - before);
    out.varint(bucket === undefined ? step + 1 : step);
    if (bucket !== undefined) out.u16(bucket);
    before = offset;
  }
  return out.view();
}
