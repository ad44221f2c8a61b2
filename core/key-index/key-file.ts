import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { keyFileKey, keyFileNamedBy } from "../keys.ts";
import { KEY_HASH_MAX } from "../message/key-hash.ts";
import type { Change, Item, WriteOptions } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";

/**
 * Sorted keys of many messages. A file of level 0 is the keys of one segment. Sixteen files of a level and a retention class are merged
 * into one of the next level. Item `kx` / <level>-<class>-<first store time>-<random>:
 * [o] what the keys of its objects begin with · [g] parts · [t0 t1] store times of its oldest and of its newest message · [x] · [d] only of
 * one that could not be read to be merged
 *
 *   parts := (entries varint · lowest hash u40 · byte offset varint · rest of the object's key text)*
 *
 * The keys of a part are as those of a segment (`key-section.ts`), from the byte offset on. A part follows the one before.
 */
export interface KeyFile {
  readonly level: number;
  readonly classDays: number;
  /** Unique among files. */
  readonly name: string;
  readonly parts: readonly KeyPart[];
  readonly storedFromMs: number;
  readonly storedUntilMs: number;
  readonly expiresAtSeconds: number;
}

export interface KeyPart {
  readonly objectKey: string;
  readonly byteOffset: number;
  readonly count: number;
  readonly lowestHash: number;
}

/** The most that a part takes in an item, but for its object's key. */
const PART_BYTES_MAX = 8 + 5 + 4 + 2;

export function keyFileItem(file: KeyFile): Item {
  const { level, classDays, storedFromMs, storedUntilMs, name, parts, expiresAtSeconds } = file;
  const prefix = commonPrefix(parts.map(({ objectKey }) => objectKey));
  return {
    ...keyFileKey(level, classDays, storedFromMs, name),
    o: prefix,
    g: encodeParts(parts, prefix),
    t0: storedFromMs,
    t1: storedUntilMs,
    x: expiresAtSeconds,
  };
}

/** Errors: `StoreCorrupt`, which names the item. */
export function keyFileOf(item: Item): KeyFile {
  const { sk, o, g, t0, t1, x } = item as unknown as { sk: string; o: string; g: Uint8Array; t0: number; t1: number; x: number };
  try {
    return { ...keyFileNamedBy(sk), parts: decodeParts(g, o), storedFromMs: t0, storedUntilMs: t1, expiresAtSeconds: x };
  } catch (cause) {
    throw new StoreCorrupt(`key file ${sk} does not decode`, { cause, key: { pk: item.pk, sk } });
  }
}

/** Whether it could not be read to be merged. */
export const isSetAside = ({ d }: Item): boolean => d !== undefined;

/** What sets a file aside. One that has gone meanwhile is not made anew. */
export const SET_ASIDE: { readonly changes: readonly Change[]; readonly options: WriteOptions } = {
  changes: [{ op: "set", name: "d", value: 1 }],
  options: { when: [{ op: "exists", name: "x" }] },
};

export function encodeParts(parts: readonly KeyPart[], prefix: string): Uint8Array {
  const out = new ByteWriter(parts.length * (PART_BYTES_MAX + 16));
  for (const { objectKey, byteOffset, count, lowestHash } of parts) {
    out.varint(count);
    out.u8(Math.floor(lowestHash / 2 ** 32));
    out.u32(lowestHash % 2 ** 32);
    out.varint(byteOffset);
    out.text(objectKey.slice(prefix.length));
  }
  return out.view();
}

/** Errors: `RangeError` or `TypeError` for bytes that are no list. */
export function decodeParts(bytes: Uint8Array, prefix: string): readonly KeyPart[] {
  const parts: KeyPart[] = [];
  for (const reader = new ByteReader(bytes); reader.remaining > 0; ) {
    const count = reader.varint();
    const lowestHash = reader.u8() * 2 ** 32 + reader.u32();
    parts.push({ count, lowestHash, byteOffset: reader.varint(), objectKey: prefix + reader.text() });
  }
  return parts;
}

function commonPrefix(texts: readonly string[]): string {
  const [first = ""] = texts;
  let length = first.length;
  for (const text of texts) while (!text.startsWith(first.slice(0, length))) length--;
  return first.slice(0, length);
}

/** The lowest hash of the part behind the one at `index`, or behind all. */
export const hashBehind = ({ parts }: KeyFile, index: number): number => parts[index + 1]?.lowestHash ?? KEY_HASH_MAX + 1;
