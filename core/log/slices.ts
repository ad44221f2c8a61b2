import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Block } from "./block.ts";
import { decodeFrame, type FrameSpan, isWhole, readFrameSpan } from "./frame.ts";

/** Offsets `from` … `from + count − 1` of consecutive blocks. */
export interface Stretch {
  readonly blocks: readonly Block[];
  readonly from: number;
  readonly count: number;
}

/** The part of a frame that holds some of the offsets. */
export interface Slice {
  readonly block: Block;
  /** `undefined` if the block cannot be read, or if there is no whole frame for these messages. */
  readonly frame: Uint8Array | undefined;
  readonly offset: number;
  /** How many messages of the frame come before them. */
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
    for (const part of isWholeBlock(block) ? block.frames : mended(block)) {
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

// A decoded block never changes, and is read many times.
const checked = new WeakSet<Block>();

/** Whether the frames hold as many messages as the block says. A garbled frame would shift the offsets behind it. */
export function isWholeBlock(block: Block): boolean {
  if (checked.has(block)) return true;
  if (block.frames.reduce((sum, frame) => sum + spanOf(frame).count, 0) !== block.count) return false;
  checked.add(block);
  return true;
}

/** The whole frames at both ends of a block, in place, and one span without a frame for everything between them. */
function mended({ frames, count }: Block): readonly (Uint8Array | FrameSpan)[] {
  const whole = frames.map(isWhole);
  const first = whole.indexOf(false);
  const [before, after] = first < 0 ? [[], []] : [frames.slice(0, first), frames.slice(whole.lastIndexOf(false) + 1)];
  const missing = [...before, ...after].reduce((left, frame) => left - spanOf(frame).count, count);
  return missing > 0 ? [...before, { storedAtMs: 0, count: missing }, ...after] : [{ storedAtMs: 0, count }];
}

/** A frame that is cut short has no messages. */
function spanOf(frame: Uint8Array): FrameSpan {
  try {
    return readFrameSpan(frame);
  } catch (error) {
    if (error instanceof RangeError) return { storedAtMs: 0, count: 0 };
    throw error;
  }
}

/** The store time of an offset: the newest one up to it in its chain. `undefined` if its block is the last and cannot be read. */
export function storedAtMsOf(block: Block, offset: number): number | undefined {
  const [slice] = slicesOf({ blocks: [block], from: offset, count: 1 });
  const storedAtMs = slice?.storedAtMs ?? block.storedFromMs;
  return Number.isFinite(storedAtMs) ? storedAtMs : undefined;
}

/** The first offset in `block` that was stored at or after `timeMs`, or else the block's end. */
export function firstStoredAt(block: Block, timeMs: number): number {
  for (const slice of slicesOf({ blocks: [block], from: block.base, count: block.count }))
    if (slice.storedAtMs >= timeMs) return slice.offset;
  return block.base + block.count;
}

/** Bytes of frames in a block, those of large batches in the object store included. */
export function tailBytes(block: Block, compressor: Compressor): number {
  return block.frames.reduce((sum, bytes) => sum + frameBytes(bytes, compressor), 0);
}

/** A frame that does not decode counts with its own length. */
function frameBytes(bytes: Uint8Array, compressor: Compressor): number {
  try {
    const frame = decodeFrame(bytes, compressor);
    return frame.kind === "pointer" ? frame.byteLength : bytes.length;
  } catch (error) {
    if (StoreCorrupt.is(error)) return bytes.length;
    throw error;
  }
}
