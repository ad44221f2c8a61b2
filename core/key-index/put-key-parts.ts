import { toBase64url } from "../bytes/base64url.ts";
import { keyPartObjectKey } from "../keys.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import { type KeyEntry, KeyWriter } from "../segments/key-section.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { KeyPart } from "./key-file.ts";
import { MERGE_SETTINGS } from "./key-index-limits.ts";

type PartStore = Pick<StoreDependencies, "clock" | "random"> & { readonly objects: ObjectStore };

/** The retention class of an object, and when it may go, epoch ms. */
interface PartLife {
  readonly classDays: number;
  readonly expiresMs: number;
}

/**
 * Stores a part of a key file in an object of its own. Nobody else writes one of its key, so it is never another than the one that is
 * remembered. Errors: `StoreUnavailable`.
 */
export async function putKeyPart(store: PartStore, entries: KeyWriter, { classDays, expiresMs }: PartLife): Promise<KeyPart> {
  const { clock, random, objects } = store;
  const objectKey = keyPartObjectKey(classDays, expiresMs, clock.nowMs(), toBase64url(random.bytes(9)));
  await repeatUnknown(store, () => objects.put(objectKey, entries.end()));
  return { objectKey, byteOffset: 0, count: entries.count, lowestHash: entries.lowestHash };
}

/** The same of entries in order, in as many parts as they need. */
export async function putKeyParts(store: PartStore, entries: readonly KeyEntry[], life: PartLife): Promise<readonly KeyPart[]> {
  const parts: KeyPart[] = [];
  for (let from = 0; from < entries.length; from += MERGE_SETTINGS.entries) {
    const some = entries.slice(from, from + MERGE_SETTINGS.entries);
    const writer = new KeyWriter(some.length);
    for (const entry of some) writer.append(entry);
    parts.push(await putKeyPart(store, writer, life));
  }
  return parts;
}
