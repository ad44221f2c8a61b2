import { blockKey, queuePk } from "../keys.ts";
import { type Block, nextBase } from "../log/block.ts";
import { BlockPages } from "../log/block-pages.ts";
import { countAsRead } from "../log/block-update.ts";
import type { DroppedBlocks } from "../log/drop-expired.ts";
import type { Key } from "../ports/item-store.ts";
import { SegmentReader } from "../segments/segment-reader.ts";
import { BLOCKS_PER_PAGE } from "./roll-limits.ts";
import type { RollDependencies, RolledQueue } from "./roller.ts";

/** Of the pages that are read: each is read once. */
const KEEP_NOTHING = 1;

/**
 * Deletes the blocks of a queue whose copies were committed long enough ago that nobody can still be sending the write that made one: its
 * key would be taken again. Never the last of the chain, from which senders go on. Each copy is read before its block goes, so a segment
 * that the disk has lost or garbled costs nothing.
 *
 * Dropping twice, or half, changes nothing: readers find both copies equal. It answers all that was ever dropped of the queue, since
 * whoever deleted a block may have died before its room was given back.
 */
export async function dropRolled(
  store: Pick<RollDependencies, "items" | "objects" | "clock" | "reading">,
  { queue, end }: RolledQueue,
  signal: AbortSignal,
): Promise<DroppedBlocks> {
  const { items } = store;
  const pk = queuePk(queue.topicUid, queue.queueId);
  const pages = new BlockPages(items);
  const keyOf = (base: number): Key => blockKey(queue.topicUid, queue.queueId, base);
  const copies = new Copies(new SegmentReader({ ...store, pageCacheBytes: KEEP_NOTHING }), queue);
  let bytes = 0;
  /** The block in front of a page, whose first block was the last of the page before. */
  let front: Block | undefined;
  for (let from = 0; !signal.aborted; ) {
    const { blocks, more } = await pages.ascending(pk, from, BLOCKS_PER_PAGE);
    const going: Block[] = [];
    for (const [index, block] of blocks.slice(0, -1).entries()) {
      // Where a block that cannot be read ends is told by the next one.
      const tells = (index > 0 ? blocks[index - 1] : front)?.damage !== undefined;
      if (nextBase(block) <= end && block.damage === undefined && !tells && (await copies.hold(block))) going.push(block);
      await store.reading.pause();
    }
    if (signal.aborted) break;
    await Promise.all(going.map((block) => items.delete(keyOf(block.base), { when: countAsRead(block) })));
    await store.reading.pause();
    bytes += going.reduce((sum, block) => sum + block.bytes, 0);
    const last = blocks.at(-1);
    if (!more || !last || last.base === from || nextBase(last) > end) break;
    from = last.base;
    front = blocks.at(-2);
  }
  return { first: keyOf(0), last: keyOf(end), bytes };
}

/** What segments have of a queue, as it is stored now. */
class Copies {
  readonly #segments: SegmentReader;
  readonly #queue: RolledQueue["queue"];
  /** Of the page that was read last. */
  #blocks: readonly Block[] = [];

  constructor(segments: SegmentReader, queue: RolledQueue["queue"]) {
    this.#segments = segments;
    this.#queue = queue;
  }

  /** Whether they have all of a block. It may lie in two pages. */
  async hold(block: Block): Promise<boolean> {
    for (let next = block.base; next < nextBase(block); ) {
      if (!this.#has(next)) {
        const entry = await this.#segments.entryAt(this.#queue, next);
        if (!entry) return false;
        this.#blocks = await this.#segments.blocksAgain(this.#queue, entry, next);
      }
      const last = this.#blocks.at(-1);
      if (!last || !this.#has(next)) return false;
      next = nextBase(last);
    }
    return true;
  }

  #has(offset: number): boolean {
    const [first, last] = [this.#blocks[0], this.#blocks.at(-1)];
    return first !== undefined && last !== undefined && first.base <= offset && nextBase(last) > offset;
  }
}
