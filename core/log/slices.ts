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
    for (const { frame, span } of framesOf(block)) {
      if (base >= end) break;
      storedAtMs = Math.max(storedAtMs, span.storedAtMs);
      const offset = Math.max(base, next);
      const count = Math.min(base + span.count, end) - offset;
      if (count > 0) {
        slices.push({ block, frame, offset, skip: offset - base, count, frameCount: span.count, storedAtMs });
        next = offset + count;
      }
      base += span.count;
    }
  }
  return slices;
}

interface BlockFrame {
  readonly frame: Uint8Array | undefined;
  readonly span: FrameSpan;
}

/** A block's frames; together they always hold as many messages as the block says, so that no offset shifts. */
function framesOf(block: Block): readonly BlockFrame[] {
  const frames = block.frames.map((frame) => ({ frame, span: spanOf(frame) }));
  if (frames.reduce((sum, { span }) => sum + span.count, 0) === block.count) return frames;
  // A garbled frame says a wrong count: what is whole keeps its place, from either end, and the rest lies between.
  const whole = block.frames.map(isWhole);
  const first = whole.indexOf(false);
  const last = whole.lastIndexOf(false);
  const [before, after] = first < 0 ? [[], []] : [frames.slice(0, first), frames.slice(last + 1)];
  const kept = [...before, ...after].reduce((sum, { span }) => sum + span.count, 0);
  if (kept > block.count) return [{ frame: undefined, span: { storedAtMs: 0, count: block.count } }];
  return [...before, { frame: undefined, span: { storedAtMs: 0, count: block.count - kept } }, ...after];
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
