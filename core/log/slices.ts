import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Block } from "./block.ts";
import { decodeFrame, type FrameSpan, isWhole, readFrameSpan } from "./frame.ts";

/** Offsets `from` … `from + count − 1` of blocks that follow one another. */
export interface Stretch {
  readonly blocks: readonly Block[];
  readonly from: number;
  readonly count: number;
}

/** The part of a frame that holds some of the offsets. */
export interface Slice {
  readonly block: Block;
  /** `undefined` where the block cannot be read, or what is in the place of these messages is no frame. */
  readonly frame: Uint8Array | undefined;
  readonly offset: number;
  /** Messages of the frame before them. */
  readonly skip: number;
  readonly count: number;
  /** Messages of the whole frame. */
  readonly frameCount: number;
  readonly storedAtMs: number;
}

/** The parts of frames that hold the offsets, each offset once. */
export function slicesOf({ blocks, from, count: length }: Stretch): readonly Slice[] {
  const slices: Slice[] = [];
  const end = from + length;
  let next = from;
  for (const block of blocks) {
    let base = block.base;
    let storedAtMs = block.storedFromMs;
    for (const part of addsUp(block) ? block.frames : mended(block)) {
      if (base >= end) break;
      const span = part instanceof Uint8Array ? spanOf(part) : part;
      storedAtMs = Math.max(storedAtMs, span.storedAtMs);
      const offset = Math.max(base, next);
      const count = Math.min(base + span.count, end) - offset;
      if (count > 0) {
        const frame = part instanceof Uint8Array ? part : undefined;
        slices.push({ block, frame, offset, skip: offset - base, count, frameCount: span.count, storedAtMs });
        next = offset + count;
      }
      base += span.count;
    }
  }
  return slices;
}

// Blocks never change, and the same ones are read many times.
const checked = new WeakSet<Block>();

/** Whether the frames hold as many messages as the block says: a garbled one would shift the offsets behind it. */
function addsUp(block: Block): boolean {
  if (checked.has(block)) return true;
  if (block.frames.reduce((sum, frame) => sum + spanOf(frame).count, 0) !== block.count) return false;
  checked.add(block);
  return true;
}

/** A block's frames that are whole, from either end on, in their place, and a span without a frame for all between them. */
function mended({ frames, count }: Block): readonly (Uint8Array | FrameSpan)[] {
  const whole = frames.map(isWhole);
  const first = whole.indexOf(false);
  const [before, after] = first < 0 ? [[], []] : [frames.slice(0, first), frames.slice(whole.lastIndexOf(false) + 1)];
  const missing = [...before, ...after].reduce((left, frame) => left - spanOf(frame).count, count);
  return missing > 0 ? [...before, { storedAtMs: 0, count: missing }, ...after] : [{ storedAtMs: 0, count }];
}

/** Of no message for a frame that is cut short. */
function spanOf(frame: Uint8Array): FrameSpan {
  try {
    return readFrameSpan(frame);
  } catch (error) {
    if (error instanceof RangeError) return { storedAtMs: 0, count: 0 };
    throw error;
  }
}

/** The store time of an offset: the running maximum along its chain. `undefined` where its block cannot be read and is the last. */
export function storedAtMsOf(block: Block, offset: number): number | undefined {
  const [slice] = slicesOf({ blocks: [block], from: offset, count: 1 });
  const storedAtMs = slice?.storedAtMs ?? block.storedFromMs;
  return Number.isFinite(storedAtMs) ? storedAtMs : undefined;
}

/** The first offset in `block` stored at or after `timeMs`; the block's end when none was. */
export function firstStoredAt(block: Block, timeMs: number): number {
  for (const slice of slicesOf({ blocks: [block], from: block.base, count: block.count }))
    if (slice.storedAtMs >= timeMs) return slice.offset;
  return block.base + block.count;
}

/** Bytes of frames in a block, those of large batches in the object store included. */
export function tailBytes(block: Block, compressor: Compressor): number {
  return block.frames.reduce((sum, bytes) => sum + frameBytes(bytes, compressor), 0);
}

/** One that does not decode is as long as it is. */
function frameBytes(bytes: Uint8Array, compressor: Compressor): number {
  try {
    const frame = decodeFrame(bytes, compressor);
    return frame.kind === "pointer" ? frame.byteLength : bytes.length;
  } catch (error) {
    if (StoreCorrupt.is(error)) return bytes.length;
    throw error;
  }
}
