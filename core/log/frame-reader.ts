import { LRUCache } from "lru-cache";
import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type BatchFrame, decodeFrame, type PointerFrame } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { BATCH_CACHE_BYTES } from "./log-limits.ts";

/** A frame's messages, or why there are none: `"gone"` if they expired with their object, or the damage. */
export type FrameContent = BatchFrame | "gone" | StoreCorrupt;

/**
 * Reads the frames of blocks. The frames read last are kept (16 MB), keyed by their bytes' identity: full blocks never change, and
 * ordered or filtered receives read the same frame several times.
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

  /** The frame in the block, unpacked, or why it cannot be read. */
  frame(bytes: Uint8Array): BatchFrame | PointerFrame | StoreCorrupt {
    const known = this.#frames.get(bytes);
    if (known) return known;
    try {
      const frame = decodeFrame(bytes, this.#compressor);
      this.#frames.set(bytes, frame);
      return frame;
    } catch (error) {
      if (StoreCorrupt.is(error)) return error;
      throw error;
    }
  }

  /** The batch, fetched if the frame is a pointer. Errors: `StoreUnavailable`. */
  async content(bytes: Uint8Array): Promise<FrameContent> {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame) || frame.kind === "batch") return frame;
    try {
      return this.#objects.known(frame) ?? (await this.#objects.get(frame)) ?? "gone";
    } catch (error) {
      if (StoreCorrupt.is(error)) return error;
      throw error;
    }
  }

  /** The batch, if it can be had without a fetch. */
  batchAtHand(bytes: Uint8Array): BatchFrame | undefined {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame)) return undefined;
    return frame.kind === "batch" ? frame : this.#objects.known(frame);
  }

  /**
   * Bytes that the frame's messages take, unpacked. If the block does not say, the head of the object is read. An unreadable frame
   * weighs nothing. Errors: `StoreUnavailable`.
   */
  async weigh(bytes: Uint8Array): Promise<number> {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame)) return 0;
    if (frame.kind === "batch") return frame.records.length;
    return frame.unpackedBytes ?? this.#objects.weigh(frame);
  }

  /** Packed bytes to fetch from the object store to weigh the messages; 0 if their weight is known without it. */
  bytesToFetch(bytes: Uint8Array): number {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame) || frame.kind === "batch" || frame.unpackedBytes !== undefined) return 0;
    return frame.byteLength;
  }
}
