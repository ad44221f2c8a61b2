import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { KEY_RUNS_PK, keyMergeKey } from "../keys.ts";
import type { Condition, Item, Key } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { KeyEntry } from "../segments/key-section.ts";
import { decodePieces, encodePieces, type KeyPiece } from "./key-run.ts";

/**
 * How far runs of a level and a class are merged. Item `km` / <level>-<class>: [i] keys of the runs' items, one in each line · [m] name of
 * the run to be · [g] its pieces so far · [c] how many they are · [k] the last entry in them · [x]
 *
 * It exists from the first object that is stored until all of it is one run, so whoever goes on merges the same runs.
 */
export interface KeyMerge {
  readonly level: number;
  readonly classDays: number;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly pieces: readonly KeyPiece[];
  readonly last: KeyEntry | undefined;
  readonly expiresAtSeconds: number;
}

export function keyMergeItem({ level, classDays, inputs, name, pieces, last, expiresAtSeconds }: KeyMerge): Item {
  return {
    ...keyMergeKey(level, classDays),
    i: inputs.join("\n"),
    m: name,
    g: encodePieces(pieces, ""),
    c: pieces.length,
    k: encodeEntry(last),
    x: expiresAtSeconds,
  };
}

/** Errors: `StoreCorrupt`, which names the item. */
export function keyMergeOf(item: Item): KeyMerge {
  const { pk, sk, i, m, g, k, x } = item as unknown as Key & { i: string; m: string; g: Uint8Array; k: Uint8Array; x: number };
  const [level, classDays] = sk.split("-").map(Number) as [number, number];
  try {
    const pieces = decodePieces(g, "");
    return { level, classDays, inputs: i.split("\n"), name: m, pieces, last: decodeEntry(k), expiresAtSeconds: x };
  } catch (cause) {
    throw new StoreCorrupt(`merge ${sk} of key runs does not decode`, { cause, key: { pk, sk } });
  }
}

/** The condition that nobody went on with it since. */
export const asFarAs = ({ name, pieces }: KeyMerge): readonly Condition[] => [
  { op: "=", name: "m", value: name },
  { op: "=", name: "c", value: pieces.length },
];

export const inputKey = (sk: string): Key => ({ pk: KEY_RUNS_PK, sk });

function encodeEntry(entry: KeyEntry | undefined): Uint8Array {
  const out = new ByteWriter(24);
  if (!entry) return out.view();
  for (const value of [entry.hash, entry.storedAtMs, entry.queueId, entry.offset]) out.varint(value);
  return out.view();
}

function decodeEntry(bytes: Uint8Array): KeyEntry | undefined {
  if (bytes.length === 0) return undefined;
  const reader = new ByteReader(bytes);
  return { hash: reader.varint(), storedAtMs: reader.varint(), queueId: reader.varint(), offset: reader.varint() };
}
