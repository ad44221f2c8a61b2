import type { Block } from "../../../../core/log/block.ts";
import { StoreCorrupt } from "../../../../core/ports/store-failures.ts";
import { decodeDirectory } from "../../../../core/segments/directory.ts";
import { type KeyEntry, KeySlice } from "../../../../core/segments/key-section.ts";
import { decodePage } from "../../../../core/segments/page-codec.ts";
import type { PageEntry, SegmentRun } from "../../../../core/segments/segment-format.ts";
import { type Segment, SegmentWriter } from "../../../../core/segments/segment-writer.ts";
import { decodeTrailer, TRAILER_BYTES } from "../../../../core/segments/trailer.ts";
import { EXPIRES_AT_SECONDS, OBJECT_KEY, QUEUE, type WrittenChain } from "./chains.ts";

/** A run of each chain, in queues one after the other. */
export function segmentOf(...chains: readonly WrittenChain[]): Segment {
  const writer = new SegmentWriter();
  for (const [index, chain] of chains.entries())
    for (const block of chain.blocks) writer.append({ ...QUEUE, queueId: QUEUE.queueId + index }, block);
  return writer.end();
}

/** Bytes of an object, as a ranged read brings them. */
export const rangeOf = (
  object: Uint8Array,
  { byteOffset, byteLength }: Pick<PageEntry, "byteOffset" | "byteLength">,
): Uint8Array => object.subarray(byteOffset, byteOffset + byteLength);

export const blocksOf = (
  object: Uint8Array,
  run: Pick<SegmentRun, "topicUid" | "queueId">,
  page: PageEntry,
): readonly Block[] => {
  const { topicUid, queueId } = run;
  return decodePage(rangeOf(object, page), { ...page, topicUid, queueId, expiresAtSeconds: EXPIRES_AT_SECONDS }, OBJECT_KEY);
};

export const trailerOf = (object: Uint8Array) => decodeTrailer(object.subarray(-TRAILER_BYTES), OBJECT_KEY);

export function directoryOf(object: Uint8Array): readonly SegmentRun[] {
  const trailer = trailerOf(object);
  return decodeDirectory(rangeOf(object, trailer.directory), trailer, OBJECT_KEY);
}

export function keysOf(object: Uint8Array): KeySlice {
  const { keys } = trailerOf(object);
  return new KeySlice(rangeOf(object, keys), { firstChunk: 0, byteLength: keys.byteLength }, OBJECT_KEY);
}

/** All with this hash, in order. */
export function entriesOf(keys: KeySlice, hash: number): readonly KeyEntry[] {
  const first = keys.countBefore({ hash, storedAtMs: Number.MAX_SAFE_INTEGER, queueId: 255, offset: Number.MAX_SAFE_INTEGER });
  const found: KeyEntry[] = [];
  for (let index = first; index < keys.count && keys.entry(index).hash === hash; index++) found.push(keys.entry(index));
  return found;
}

/** What is read, or that it is corrupt, where that is said of the object. Anything else that is thrown is a bug. */
export function readOrCorrupt<T>(read: () => T): T | "corrupt" {
  try {
    return read();
  } catch (error) {
    if (StoreCorrupt.is(error) && error.message.includes(OBJECT_KEY)) return "corrupt";
    throw error;
  }
}
