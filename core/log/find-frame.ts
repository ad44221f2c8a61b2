import { blockKey } from "../keys.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { SegmentReader } from "../segments/segment-reader.ts";
import { type Block, blockOf, offsetOfFrame } from "./block.ts";
import type { QueueName } from "./queue.ts";

/** A block, and the offset of a frame in it. */
export interface FrameInBlock {
  readonly block: Block;
  readonly offset: number;
}

/**
 * Finds a frame that was stored in the block at `base`, in that block or in its copy; `undefined` once it is gone.
 * Errors: `StoreUnavailable`; `StoreCorrupt` if the block cannot be read, and no segment has the frame.
 */
export async function findFrame(
  { items, segments }: { readonly items: ItemStore; readonly segments: SegmentReader },
  queue: QueueName,
  base: number,
  frameId: Uint8Array,
): Promise<FrameInBlock | undefined> {
  try {
    const item = await items.get(blockKey(queue.topicUid, queue.queueId, base));
    if (!item) return await segments.find(queue, base, frameId);
    const block = blockOf(item);
    const offset = offsetOfFrame(block, frameId);
    return offset === undefined ? undefined : { block, offset };
  } catch (error) {
    const copy = StoreCorrupt.is(error) ? await segments.find(queue, base, frameId) : undefined;
    if (copy) return copy;
    throw error;
  }
}
