import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Block } from "./block.ts";
import { decodeFrame } from "./frame.ts";
import { type NamedRecord, namesInBatch, namesInFrame } from "./frame-names.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { type Slice, slicesOf } from "./slices.ts";

/** That a message has a key, or an id of its own, with this hash. */
export interface NamedOffset {
  readonly hash: number;
  readonly offset: number;
  readonly storedAtMs: number;
}

/**
 * What the messages of a block are looked up by. A frame that cannot be read, or has expired with its object, has none.
 * Errors: `StoreUnavailable`.
 */
export async function namesOfBlock(
  block: Block,
  topicUid: string,
  store: { readonly compressor: Compressor; readonly objects: Pick<FrameObjects, "get"> },
): Promise<readonly NamedOffset[]> {
  const named: NamedOffset[] = [];
  for (const slice of slicesOf({ blocks: [block], from: block.base, count: block.count })) {
    const { offset, storedAtMs } = slice;
    for (const { ordinal, hash } of await namesOf(slice, topicUid, store))
      named.push({ hash, offset: offset + ordinal, storedAtMs });
  }
  return named;
}

async function namesOf(
  { frame }: Slice,
  topicUid: string,
  { compressor, objects }: Parameters<typeof namesOfBlock>[2],
): Promise<readonly NamedRecord[]> {
  if (!frame) return [];
  try {
    let names = namesInFrame(frame, topicUid, compressor);
    if (names.kind === "in object") {
      const pointer = decodeFrame(frame, compressor);
      const batch = pointer.kind === "pointer" ? await objects.get(pointer) : pointer;
      names = batch ? namesInBatch(batch, topicUid) : names;
    }
    return names.kind === "hashes" ? names.entries : [];
  } catch (error) {
    if (StoreCorrupt.is(error)) return [];
    throw error;
  }
}
