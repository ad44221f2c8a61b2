import { type Block, isLive, nextBase, storedUntilMs } from "./block.ts";
import type { BlockPages } from "./block-pages.ts";

export interface BlockSearch {
  readonly pk: string;
  /** Epoch ms. */
  readonly fromMs: number;
  readonly nowMs: number;
  /** No block that starts before it is looked for. */
  readonly startAt: number;
  /** Blocks read by one query. */
  readonly pageSize: number;
}

/** Of three guesses one halves what is left, so that no distribution of store times makes a search long. */
const GUESSES_PER_HALVING = 3;

/**
 * The first block of a chain that holds a message stored at or after a time. Store times never fall along a chain: where they grow
 * evenly a few queries find it, and never more than 3 · log2(offsets).
 */
export async function firstBlockFrom(pages: BlockPages, search: BlockSearch): Promise<Block | undefined> {
  const { pk, fromMs, nowMs, startAt, pageSize } = search;
  const fits = (block: Block): boolean => isLive(block, nowMs) && storedUntilMs(block) >= fromMs;
  const { blocks, more } = await pages.ascending(pk, startAt, pageSize);
  const near = blocks.find(fits);
  const last = blocks.at(-1);
  if (near || !more || !last) return near;
  const { tail } = await pages.end(pk);
  return tail && fits(tail) ? between(pages, search, last, tail, fits) : undefined;
}

async function between(
  pages: BlockPages,
  { pk, fromMs, pageSize }: BlockSearch,
  last: Block,
  tail: Block,
  fits: (block: Block) => boolean,
): Promise<Block> {
  let before = last;
  let found = tail;
  // Invariant: `before` does not fit, `found` does, and no block between them starts at `until` or later.
  let until = found.base;
  for (let guesses = 1; nextBase(before) < until; guesses++) {
    const share = guesses % GUESSES_PER_HALVING === 0 ? 0.5 : shareOfTime(fromMs, before, found);
    const guess = nextBase(before) + Math.min(until - nextBase(before) - 1, Math.floor((until - nextBase(before)) * share));
    const page = (await pages.ascending(pk, guess, pageSize)).blocks;
    const at = page.findIndex(fits);
    const first = page[at];
    if (first && first.base < found.base) found = first;
    before = page[(at < 0 ? page.length : at) - 1] ?? before;
    if (at > 0) break;
    if (at === 0) until = guess;
  }
  return found;
}

/** How far between the two blocks a time lies, 0 … 1; halfway where that cannot be told. */
function shareOfTime(timeMs: number, before: Block, after: Block): number {
  const fromMs = storedUntilMs(before);
  const share = (timeMs - fromMs) / (after.storedFromMs - fromMs);
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0.5;
}
