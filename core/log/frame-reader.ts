import { LRUCache } from "lru-cache";
import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type BatchFrame, decodeFrame, type PointerFrame } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";
import { BATCH_CACHE_BYTES } from "./log-limits.ts";

/** What became of a frame's messages: here they are, or they went by age with their object, or they cannot be read. */
export type FrameContent = BatchFrame | "gone" | StoreCorrupt;

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

  /** As it is in the block, unpacked, or why it cannot be read. */
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

  /** The batch, fetched where a pointer names it. Errors: `StoreUnavailable`. */
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

  /** The batch, if it is at hand. */
  batchAtHand(bytes: Uint8Array): BatchFrame | undefined {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame)) return undefined;
    return frame.kind === "batch" ? frame : this.#objects.known(frame);
  }

  /**
   * Bytes that the frame's messages take, unpacked. Where the block does not say, the object's own head is read; what cannot be read
   * weighs nothing. Errors: `StoreUnavailable`.
   */
  async weigh(bytes: Uint8Array): Promise<number> {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame)) return 0;
    if (frame.kind === "batch") return frame.records.length;
    return frame.unpackedBytes ?? this.#objects.weigh(frame);
  }

  /** Bytes of the object that holds the messages, packed as they are; 0 where their weight is known without it. */
  bytesToFetch(bytes: Uint8Array): number {
    const frame = this.frame(bytes);
    if (StoreCorrupt.is(frame) || frame.kind === "batch" || frame.unpackedBytes !== undefined) return 0;
    return frame.byteLength;
  }
}
