import { LRUCache } from "lru-cache";
import type { Compressor } from "../ports/compressor.ts";
import { type BatchFrame, decodeFrame, type PointerFrame } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { BATCH_CACHE_BYTES } from "./log-limits.ts";

/**
 * Reads the frames of blocks. Those read last are kept (16 MB), by the frame itself: full blocks never change, and receives in
 * order or with a filter come by several times.
 */
export class FrameReader {
  readonly #objects: FrameObjects;
  readonly #compressor: Compressor;
  readonly #frames = new LRUCache<Uint8Array, BatchFrame | PointerFrame>({
    maxSize: BATCH_CACHE_BYTES,
    sizeCalculation: (frame) => (frame.kind === "batch" ? frame.records.length : 0) + 300,
  });

  constructor(objects: FrameObjects, compressor: Compressor) {
    this.#objects = objects;
    this.#compressor = compressor;
  }

  /** As it is in the block, unpacked. Errors: `StoreCorrupt`. */
  frame(bytes: Uint8Array): BatchFrame | PointerFrame {
    const known = this.#frames.get(bytes);
    if (known) return known;
    const frame = decodeFrame(bytes, this.#compressor);
    this.#frames.set(bytes, frame);
    return frame;
  }

  /** The batches, those that pointers name fetched together; `undefined` for one whose object went by age. Errors: `StoreCorrupt`. */
  batches(frames: readonly Uint8Array[]): Promise<readonly (BatchFrame | undefined)[]> {
    return Promise.all(
      // Each fails on its own, so that none is left whose failure nobody hears.
      frames.map(async (bytes) => {
        const frame = this.frame(bytes);
        return frame.kind === "batch" ? frame : (this.#objects.known(frame) ?? this.#objects.get(frame));
      }),
    );
  }
}
