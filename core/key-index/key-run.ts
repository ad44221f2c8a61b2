import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { keyRunKey, keyRunNamedBy } from "../keys.ts";
import { KEY_HASH_MAX } from "../message/key-hash.ts";
import type { Item } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";

/**
 * Sorted keys of many messages. A run of level 0 is the keys of one segment. Sixteen runs of a level and a retention class are merged
 * into one of the next level. Item `kx` / <level>-<class>-<first store time>-<random>:
 * [o] what the keys of its objects begin with · [g] pieces · [t0 t1] store times of its oldest and of its newest message · [x]
 *
 *   pieces := (entries varint · lowest hash u40 · byte offset varint · rest of the object's key text)*
 *
 * The keys of a piece are as those of a segment (`key-section.ts`), from the byte offset on. A piece follows the one before.
 */
export interface KeyRun {
  readonly level: number;
  readonly classDays: number;
  /** Unique among runs. */
  readonly name: string;
  readonly pieces: readonly KeyPiece[];
  readonly storedFromMs: number;
  readonly storedUntilMs: number;
  readonly expiresAtSeconds: number;
}

export interface KeyPiece {
  readonly objectKey: string;
  readonly byteOffset: number;
  readonly count: number;
  readonly lowestHash: number;
}

/** The most that a piece takes in an item, but for its object's key. */
const PIECE_BYTES_MAX = 8 + 5 + 4 + 2;

export function keyRunItem(run: KeyRun): Item {
  const { level, classDays, storedFromMs, storedUntilMs, name, pieces, expiresAtSeconds } = run;
  const prefix = commonPrefix(pieces.map(({ objectKey }) => objectKey));
  return {
    ...keyRunKey(level, classDays, storedFromMs, name),
    o: prefix,
    g: encodePieces(pieces, prefix),
    t0: storedFromMs,
    t1: storedUntilMs,
    x: expiresAtSeconds,
  };
}

/** Errors: `StoreCorrupt`, which names the item. */
export function keyRunOf(item: Item): KeyRun {
  const { sk, o, g, t0, t1, x } = item as unknown as { sk: string; o: string; g: Uint8Array; t0: number; t1: number; x: number };
  try {
    return { ...keyRunNamedBy(sk), pieces: decodePieces(g, o), storedFromMs: t0, storedUntilMs: t1, expiresAtSeconds: x };
  } catch (cause) {
    throw new StoreCorrupt(`key run ${sk} does not decode`, { cause, key: { pk: item.pk, sk } });
  }
}

export function encodePieces(pieces: readonly KeyPiece[], prefix: string): Uint8Array {
  const out = new ByteWriter(pieces.length * (PIECE_BYTES_MAX + 16));
  for (const { objectKey, byteOffset, count, lowestHash } of pieces) {
    out.varint(count);
    out.u8(Math.floor(lowestHash / 2 ** 32));
    out.u32(lowestHash % 2 ** 32);
    out.varint(byteOffset);
    out.text(objectKey.slice(prefix.length));
  }
  return out.view();
}

/** Errors: `RangeError` or `TypeError` for bytes that are no list. */
export function decodePieces(bytes: Uint8Array, prefix: string): readonly KeyPiece[] {
  const pieces: KeyPiece[] = [];
  for (const reader = new ByteReader(bytes); reader.remaining > 0; ) {
    const count = reader.varint();
    const lowestHash = reader.u8() * 2 ** 32 + reader.u32();
    pieces.push({ count, lowestHash, byteOffset: reader.varint(), objectKey: prefix + reader.text() });
  }
  return pieces;
}

function commonPrefix(texts: readonly string[]): string {
  const [first = ""] = texts;
  let length = first.length;
  for (const text of texts) while (!text.startsWith(first.slice(0, length))) length--;
  return first.slice(0, length);
}

/** The lowest hash of the piece behind the one at `index`, or behind all. */
export const hashBehind = ({ pieces }: KeyRun, index: number): number => pieces[index + 1]?.lowestHash ?? KEY_HASH_MAX + 1;
