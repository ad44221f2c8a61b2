import { blockKey, queuePk } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, Key } from "../ports/item-store.ts";
import { type Block, storedUntilMs } from "./block.ts";
import { BlockPages } from "./block-pages.ts";
import { EXPIRY_GUARD_SECONDS } from "./log-limits.ts";
import type { Queue } from "./queue.ts";
import { horizonMs } from "./retention.ts";

/** A range of a queue's chain that holds nothing any more. */
export interface DroppedBlocks {
  readonly first: Key;
  readonly last: Key;
  /** Of the blocks that were deleted just now. */
  readonly bytes: number;
}

const BLOCKS_PER_PAGE = 64;

/**
 * Deletes the blocks of a queue whose messages expired an hour ago, where deleting costs nothing; elsewhere the table does it by
 * their expiry, a day later. Nobody reads such a block, and nobody writes it:
 *
 * - It is never the last of its chain. What comes after it was written when it was full, and a full block never changes.
 * - Whoever sent the write that made it has given up long ago: its key is not taken again.
 *
 * Reading goes on behind the gap as behind any other that expired. Dropping twice, or half, changes nothing.
 */
export async function dropExpired(
  store: { readonly items: ItemStore; readonly clock: Clock },
  queue: Queue,
  signal: AbortSignal,
): Promise<DroppedBlocks | undefined> {
  const { items, clock } = store;
  const pages = new BlockPages(items);
  const pk = queuePk(queue.topicUid, queue.queueId);
  const keptFromMs = horizonMs(queue.retention, clock.nowMs()) - EXPIRY_GUARD_SECONDS * 1_000;
  let dropped: DroppedBlocks | undefined;
  for (let from = 0; !signal.aborted; ) {
    const { blocks, more } = await pages.ascending(pk, from, BLOCKS_PER_PAGE);
    const kept = blocks.findIndex((block) => storedUntilMs(block) >= keptFromMs);
    // There may be none behind the last of a page, whatever it says.
    const going = blocks.slice(0, kept >= 0 ? kept : -1);
    const last = going.at(-1);
    if (!last) break;
    const keyOf = ({ base }: Block): Key => blockKey(queue.topicUid, queue.queueId, base);
    await Promise.all(going.map((block) => items.delete(keyOf(block))));
    const bytes = going.reduce((sum, block) => sum + block.bytes, dropped?.bytes ?? 0);
    dropped = { first: dropped?.first ?? keyOf(going[0] as Block), last: keyOf(last), bytes };
    if (kept >= 0 || !more) break;
    from = last.base + 1;
  }
  return dropped;
}
