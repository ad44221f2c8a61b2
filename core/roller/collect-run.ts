import { queuePk } from "../keys.ts";
import { type Block, isLive, isOpen, nextBase, storedUntilMs } from "../log/block.ts";
import type { BlockPages } from "../log/block-pages.ts";
import type { QueueName } from "../log/queue.ts";
import type { Yielding } from "../ports/reading.ts";
import { BLOCKS_PER_PAGE } from "./roll-limits.ts";

/** Full blocks of a queue that follow one another. */
export interface CollectedRun {
  readonly blocks: Block[];
  readonly bytes: number;
  /** There may be more behind them. */
  readonly more: boolean;
}

export interface Collecting {
  readonly from: number;
  readonly nowMs: number;
  /** What was stored earlier has expired. */
  readonly horizonMs: number;
  /** About so much is collected at most. */
  readonly bytesMax: number;
}

/**
 * Full blocks of a queue. They are read cheaply: the latest writes may be missing. So an open block ends the run, and a gap does, but for
 * one in front of the first block, which is confirmed: whoever passed a gap that is none would leave messages in no segment. A block that
 * cannot be read is passed like a gap. It stays in the chain, where readers find it.
 */
export async function collectRun(
  { pages, reading }: { readonly pages: BlockPages; readonly reading: Yielding },
  { topicUid, queueId }: QueueName,
  collecting: Collecting,
): Promise<CollectedRun> {
  const { from, bytesMax } = collecting;
  const pk = queuePk(topicUid, queueId);
  const blocks: Block[] = [];
  let bytes = 0;
  for (let next = from; ; ) {
    const page = await pages.ascending(pk, next, BLOCKS_PER_PAGE, false);
    for (const block of page.blocks) {
      const follows = blocks.length > 0 && block.base === next;
      if (blocks.length > 0 && !(follows && counts(block, collecting))) return { blocks, bytes, more: true };
      if (!counts(block, collecting)) continue;
      const first = follows || block.base === from || (await isFirst(pages, pk, block, collecting));
      if (isOpen(block) || !first) return { blocks, bytes, more: false };
      blocks.push(block);
      bytes += block.bytes;
      next = nextBase(block);
      if (bytes >= bytesMax) return { blocks, bytes, more: true };
    }
    const last = page.blocks.at(-1);
    if (!page.more || !last) return { blocks, bytes, more: false };
    await reading.pause();
    next = Math.max(next, last.base + 1);
  }
}

/** Whether it can be read, and has not expired. */
const counts = (block: Block, { nowMs, horizonMs }: Collecting): boolean =>
  block.damage === undefined && isLive(block, nowMs) && storedUntilMs(block) >= horizonMs;

/** Whether, read consistently, nothing that counts is stored in front of the block. */
async function isFirst(pages: BlockPages, pk: string, { base }: Block, collecting: Collecting): Promise<boolean> {
  for (let next = collecting.from; ; ) {
    const { blocks, more } = await pages.ascending(pk, next, BLOCKS_PER_PAGE);
    const first = blocks.find((block) => counts(block, collecting));
    if (first) return first.base === base;
    const last = blocks.at(-1);
    if (!more || !last) return false;
    next = last.base + 1;
  }
}

export const newestMsOf = ({ blocks }: CollectedRun): number =>
  blocks.reduce((latest, block) => Math.max(latest, storedUntilMs(block)), 0);

export const lastExpiryOf = ({ blocks }: CollectedRun): number =>
  blocks.reduce((latest, { expiresAtSeconds }) => Math.max(latest, expiresAtSeconds), 0);
