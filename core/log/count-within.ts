import { bodyBytesMax } from "../message/record-codec.ts";
import { recordBytes } from "./frame.ts";
import type { FrameReader } from "./frame-reader.ts";
import { type Slice, type Stretch, slicesOf } from "./slices.ts";

/**
 * How many of the first messages have bodies of at most `bytesMax` in all; at least 1 if there is any. Messages at hand are weighed one
 * by one, by the most that their bodies can have. A batch in an object is not unpacked for this: each of its messages counts as the
 * average, and the caller must cut off the excess after reading. Errors: `StoreUnavailable`.
 */
export async function countWithin(stretch: Stretch, bytesMax: number, frames: FrameReader): Promise<number> {
  const slices = slicesOf(stretch);
  await fetchWeights(slices, bytesMax, frames);
  let left = bytesMax;
  let within = 0;
  for (const slice of slices) {
    const fitting = await fittingOf(slice, left, frames);
    within += fitting.count;
    left -= fitting.bytes;
    if (fitting.count < slice.count) break;
  }
  return Math.max(Math.min(1, stretch.count), within);
}

/** Reads, in parallel, objects whose pointers do not say their weight: as many as can fit, as none unpacks to less than its size. */
async function fetchWeights(slices: readonly Slice[], bytesMax: number, frames: FrameReader): Promise<void> {
  const fetched: Uint8Array[] = [];
  let bytes = 0;
  for (const { frame } of slices) {
    if (!frame || frames.batchAtHand(frame)) continue;
    const toFetch = frames.bytesToFetch(frame);
    bytes += toFetch;
    if (toFetch > 0) fetched.push(frame);
    if (bytes > bytesMax) break;
  }
  if (fetched.length > 1) await Promise.all(fetched.map((frame) => frames.weigh(frame)));
}

/** The messages of a slice that fit, and what they weigh. */
async function fittingOf(
  { frame, skip, count, frameCount }: Slice,
  bytesMax: number,
  frames: FrameReader,
): Promise<{ readonly count: number; readonly bytes: number }> {
  if (!frame) return { count, bytes: 0 };
  const batch = frames.batchAtHand(frame);
  if (!batch) {
    const each = bodyBytesMax((await frames.weigh(frame)) / frameCount);
    const fitting = each === 0 ? count : Math.min(count, Math.floor(bytesMax / each));
    return { count: fitting, bytes: fitting * each };
  }
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const one = bodyBytesMax(recordBytes(batch, skip + index));
    if (bytes + one > bytesMax) return { count: index, bytes };
    bytes += one;
  }
  return { count, bytes };
}
