import type { MessageFilter } from "../filter/compile-filter.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { StoredMessage } from "../terms.ts";
import type { Block } from "./block.ts";
import { decodeFrame, matchingRecords, readFrameHead, readMessages } from "./frame.ts";
import type { FrameObjects } from "./frame-objects.ts";

/** Decodes offsets `from` … `from + count − 1` of blocks that follow one another, without those whose object went by age. */
export async function messagesOf(
  blocks: readonly Block[],
  from: number,
  count: number,
  queueId: number,
  store: { readonly objects: FrameObjects; readonly compressor: Compressor },
): Promise<readonly StoredMessage[]> {
  const messages: StoredMessage[] = [];
  const end = from + count;
  for (const slice of slicesOf(blocks, from, end)) {
    const frame = decodeFrame(slice.frame, store.compressor);
    const batch = frame.kind === "pointer" ? await store.objects.get(frame) : frame;
    if (!batch) continue;
    const { offset, storedAtMs } = slice;
    for (const message of readMessages(batch, slice.skip, slice.count, { queueId, offset, storedAtMs })) messages.push(message);
  }
  return messages;
}

export interface Matches {
  readonly messages: readonly StoredMessage[];
  /** Offsets whose object went by age. */
  readonly gone: readonly number[];
}

/** The messages among offsets `from` … `from + count − 1` that a filter lets through; the others are looked at, not decoded. */
export async function matchingOf(
  blocks: readonly Block[],
  range: { readonly from: number; readonly count: number; readonly queueId: number },
  filter: MessageFilter,
  store: { readonly objects: FrameObjects; readonly compressor: Compressor },
): Promise<Matches> {
  const messages: StoredMessage[] = [];
  const gone: number[] = [];
  for (const slice of slicesOf(blocks, range.from, range.from + range.count)) {
    const frame = decodeFrame(slice.frame, store.compressor);
    const batch = frame.kind === "pointer" ? await store.objects.get(frame) : frame;
    if (!batch) {
      for (let index = 0; index < slice.count; index++) gone.push(slice.offset + index);
      continue;
    }
    const { queueId } = range;
    const { storedAtMs } = slice;
    for (const index of matchingRecords(batch, slice.skip, slice.count, filter)) {
      const offset = slice.offset + index;
      messages.push(...readMessages(batch, slice.skip + index, 1, { queueId, offset, storedAtMs }));
    }
  }
  return { messages, gone };
}

/** How many of `count` messages from `from` on stay within about `bytesMax`; at least 1 where there is one. */
export function countWithin(
  blocks: readonly Block[],
  from: number,
  count: number,
  bytesMax: number,
  compressor: Compressor,
): number {
  let bytes = 0;
  let within = 0;
  for (const slice of slicesOf(blocks, from, from + count)) {
    const frame = decodeFrame(slice.frame, compressor);
    const each = (frame.kind === "pointer" ? frame.byteLength : frame.records.length) / frame.count;
    const fitting = Math.min(slice.count, Math.floor((bytesMax - bytes) / each));
    within += fitting;
    if (fitting < slice.count) break;
    bytes += each * slice.count;
  }
  return Math.max(Math.min(1, count), within);
}

/** The store time of an offset: the running maximum along its chain. */
export function storedAtMsOf(block: Block, offset: number): number {
  const [slice] = slicesOf([block], offset, offset + 1);
  return slice?.storedAtMs ?? block.storedFromMs;
}

/** The first offset in `block` stored at or after `timeMs`; the block's end when none was. */
export function firstStoredAt(block: Block, timeMs: number): number {
  for (const slice of slicesOf([block], block.base, block.base + block.count))
    if (slice.storedAtMs >= timeMs) return slice.offset;
  return block.base + block.count;
}

interface Slice {
  readonly frame: Uint8Array;
  readonly offset: number;
  readonly skip: number;
  readonly count: number;
  readonly storedAtMs: number;
}

/** The parts of frames that hold offsets `from` … `end − 1`. */
function slicesOf(blocks: readonly Block[], from: number, end: number): readonly Slice[] {
  const slices: Slice[] = [];
  for (const block of blocks) {
    let base = block.base;
    let storedAtMs = block.storedFromMs;
    for (const frame of block.frames) {
      if (base >= end) break;
      const head = readFrameHead(frame);
      storedAtMs = Math.max(storedAtMs, head.storedAtMs);
      const offset = Math.max(base, from);
      const count = Math.min(base + head.count, end) - offset;
      if (count > 0) slices.push({ frame, offset, skip: offset - base, count, storedAtMs });
      base += head.count;
    }
  }
  return slices;
}

/** Bytes of frames in a block, those of large batches in the object store included. */
export function tailBytes(block: Block, compressor: Compressor): number {
  return block.frames.reduce((sum, bytes) => {
    const frame = decodeFrame(bytes, compressor);
    return sum + (frame.kind === "pointer" ? frame.byteLength : bytes.length);
  }, 0);
}
