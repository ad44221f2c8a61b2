import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { KEY_FILES_PK, keyMergeKey } from "../keys.ts";
import type { Condition, Item, Key } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { KeyEntry } from "../segments/key-section.ts";
import { decodeParts, encodeParts, type KeyPart } from "./key-file.ts";

/**
 * How far files of a level and a class are merged. Item `km` / <level>-<class>: [i] keys of the files' items, one in each line · [m] name of
 * the file to be · [g] its parts so far · [c] how many they are · [k] the last entry in them · [x]
 *
 * It exists from the first object that is stored until all of it is one file, so whoever goes on merges the same files.
 */
export interface KeyMerge {
  readonly level: number;
  readonly classDays: number;
  readonly inputs: readonly string[];
  readonly name: string;
  readonly parts: readonly KeyPart[];
  readonly last: KeyEntry | undefined;
  readonly expiresAtSeconds: number;
}

export function keyMergeItem({ level, classDays, inputs, name, parts, last, expiresAtSeconds }: KeyMerge): Item {
  return {
    ...keyMergeKey(level, classDays),
    i: inputs.join("\n"),
    m: name,
    g: encodeParts(parts, ""),
    c: parts.length,
    k: encodeEntry(last),
    x: expiresAtSeconds,
  };
}

/** Errors: `StoreCorrupt`, which names the item. */
export function keyMergeOf(item: Item): KeyMerge {
  const { pk, sk, i, m, g, k, x } = item as unknown as Key & { i: string; m: string; g: Uint8Array; k: Uint8Array; x: number };
  const [level, classDays] = sk.split("-").map(Number) as [number, number];
  try {
    const parts = decodeParts(g, "");
    return { level, classDays, inputs: i.split("\n"), name: m, parts, last: decodeEntry(k), expiresAtSeconds: x };
  } catch (cause) {
    throw new StoreCorrupt(`merge ${sk} of key files does not decode`, { cause, key: { pk, sk } });
  }
}

/** The condition that nobody went on with it since. */
export const asFarAs = ({ name, parts }: KeyMerge): readonly Condition[] => [
  { op: "=", name: "m", value: name },
  { op: "=", name: "c", value: parts.length },
];

export const inputKey = (sk: string): Key => ({ pk: KEY_FILES_PK, sk });

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
