import type { MessageFilter } from "../filter/compile-filter.ts";
import type { RecordView } from "../message/record-view.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { StoredMessage } from "../terms.ts";
import type { Block } from "./block.ts";
import { decodeFrame, readFrameSpan, readMessages, viewRecords } from "./frame.ts";
import type { FrameReader } from "./frame-reader.ts";

/** Offsets `from` … `from + count − 1` of blocks that follow one another. */
export interface Stretch {
  readonly blocks: readonly Block[];
  readonly from: number;
  readonly count: number;
}

/** Decodes the messages, or those of them that are wanted, without such whose object went by age. */
export async function messagesOf(
  stretch: Stretch,
  queueId: number,
  frames: FrameReader,
  wanted?: ReadonlySet<number>,
): Promise<readonly StoredMessage[]> {
  const slices = wanted ? slicesOf(stretch).filter((slice) => holdsOne(slice, wanted)) : slicesOf(stretch);
  const batches = await frames.batches(slices.map(({ frame }) => frame));
  const messages: StoredMessage[] = [];
  for (const [index, { offset, skip, count, storedAtMs }] of slices.entries()) {
    const batch = batches[index];
    if (batch) messages.push(...readMessages(batch, skip, count, { queueId, offset, storedAtMs }, wanted));
  }
  return messages;
}

export interface Looked {
  /** The message that was answered with false. */
  readonly stoppedAt: number | undefined;
  /** Messages met before it whose object went by age. */
  readonly gone: number;
}

/** Shows the messages as they are encoded, one after the other, until `see` answers false. */
export async function lookAt(
  stretch: Stretch,
  frames: FrameReader,
  see: (view: RecordView, offset: number) => boolean,
): Promise<Looked> {
  const slices = slicesOf(stretch);
  const batches = await frames.batches(slices.map(({ frame }) => frame));
  let gone = 0;
  for (const [index, { offset, skip, count }] of slices.entries()) {
    const batch = batches[index];
    if (!batch) {
      gone += count;
      continue;
    }
    const stopped = viewRecords(batch, skip, count, (view, record) => see(view, offset + record));
    if (stopped !== undefined) return { stoppedAt: offset + stopped, gone };
  }
  return { stoppedAt: undefined, gone };
}

export interface Matches {
  readonly messages: readonly StoredMessage[];
  /** Offsets whose object went by age. */
  readonly gone: readonly number[];
}

/** The messages that a filter lets through; the others are looked at, not decoded. */
export async function matchingOf(
  stretch: Stretch,
  queueId: number,
  filter: MessageFilter,
  frames: FrameReader,
): Promise<Matches> {
  const slices = slicesOf(stretch);
  const batches = await frames.batches(slices.map(({ frame }) => frame));
  const messages: StoredMessage[] = [];
  const gone: number[] = [];
  for (const [index, { offset, skip, count, storedAtMs }] of slices.entries()) {
    const batch = batches[index];
    if (!batch) {
      for (let record = 0; record < count; record++) gone.push(offset + record);
      continue;
    }
    const matching = new Set<number>();
    viewRecords(batch, skip, count, (view, record) => {
      if (filter.matches(view)) matching.add(offset + record);
      return true;
    });
    if (matching.size > 0) messages.push(...readMessages(batch, skip, count, { queueId, offset, storedAtMs }, matching));
  }
  return { messages, gone };
}

/**
 * How many of the messages, from the first on, stay within about `bytesMax`; at least 1 where there is one. `unpacking`: how often
 * an object's bytes count, which are packed.
 */
export function countWithin(stretch: Stretch, bytesMax: number, frames: FrameReader, unpacking = 1): number {
  let bytes = 0;
  let within = 0;
  for (const slice of slicesOf(stretch)) {
    const frame = frames.frame(slice.frame);
    const each = (frame.kind === "pointer" ? frame.byteLength * unpacking : frame.records.length) / frame.count;
    const fitting = Math.min(slice.count, Math.floor((bytesMax - bytes) / each));
    within += fitting;
    if (fitting < slice.count) break;
    bytes += each * slice.count;
  }
  return Math.max(Math.min(1, stretch.count), within);
}

/** The store time of an offset: the running maximum along its chain. */
export function storedAtMsOf(block: Block, offset: number): number {
  const [slice] = slicesOf({ blocks: [block], from: offset, count: 1 });
  return slice?.storedAtMs ?? block.storedFromMs;
}

/** The first offset in `block` stored at or after `timeMs`; the block's end when none was. */
export function firstStoredAt(block: Block, timeMs: number): number {
  for (const slice of slicesOf({ blocks: [block], from: block.base, count: block.count }))
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

/** The parts of frames that hold the offsets. */
function slicesOf({ blocks, from, count: length }: Stretch): readonly Slice[] {
  const slices: Slice[] = [];
  const end = from + length;
  for (const block of blocks) {
    let base = block.base;
    let storedAtMs = block.storedFromMs;
    for (const frame of block.frames) {
      if (base >= end) break;
      const span = readFrameSpan(frame);
      storedAtMs = Math.max(storedAtMs, span.storedAtMs);
      const offset = Math.max(base, from);
      const count = Math.min(base + span.count, end) - offset;
      if (count > 0) slices.push({ frame, offset, skip: offset - base, count, storedAtMs });
      base += span.count;
    }
  }
  return slices;
}

function holdsOne({ offset, count }: Slice, wanted: ReadonlySet<number>): boolean {
  for (let at = offset; at < offset + count; at++) if (wanted.has(at)) return true;
  return false;
}

/** Bytes of frames in a block, those of large batches in the object store included. */
export function tailBytes(block: Block, compressor: Compressor): number {
  return block.frames.reduce((sum, bytes) => {
    const frame = decodeFrame(bytes, compressor);
    return sum + (frame.kind === "pointer" ? frame.byteLength : bytes.length);
  }, 0);
}
