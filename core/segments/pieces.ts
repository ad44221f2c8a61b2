import type { Block } from "../log/block.ts";
import { type FrameSpan, isWhole, readFrameSpan } from "../log/frame.ts";
import type { PageBlock } from "./page-codec.ts";

/** What may be the beginning of a page: a frame with the store time of its messages, or a damaged block. */
export interface Piece extends PageBlock {
  /** Whether it may follow others in a block: its time is what its head says, and no chain begins with it. */
  readonly joins: boolean;
  /** Whether nothing may follow it in its block: what it holds is not as many messages as it is counted for. */
  readonly alone: boolean;
}

/**
 * The frames of a block, each with the time that its messages have in the chain: the running maximum from the block's `t0` on. A
 * block with a frame that is not whole, or with other messages than it says, is one piece: what its heads say is not believed.
 */
export function piecesOf(block: Block): readonly Piece[] {
  const { base, count, frames, storedFromMs, chainBeforeEnd } = block;
  const unwritten = chainBeforeEnd === undefined ? undefined : base - chainBeforeEnd;
  const spans = spansOf(block);
  if (!spans) return [{ storedFromMs, unwritten, count, frames, joins: false, alone: true }];
  let storedAtMs = storedFromMs;
  return spans.map((span, index) => {
    storedAtMs = Math.max(storedAtMs, span.storedAtMs);
    const restarts = index === 0 ? unwritten : undefined;
    return {
      storedFromMs: storedAtMs,
      unwritten: restarts,
      count: span.count,
      frames: [frames[index] as Uint8Array],
      joins: span.storedAtMs === storedAtMs && restarts === undefined,
      alone: false,
    };
  });
}

/** `undefined` where they are not those of the block's messages. */
function spansOf({ count, frames }: Block): readonly FrameSpan[] | undefined {
  if (!frames.every(isWhole)) return undefined;
  try {
    const spans = frames.map(readFrameSpan);
    return spans.reduce((sum, span) => sum + span.count, 0) === count ? spans : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
