import { LRUCache } from "lru-cache";
import { offsetSk, queuePk } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { StoredAt } from "../requests.ts";
import { growingTo } from "../store/growing-to.ts";
import { Anchor } from "./anchor.ts";
import { type Block, isLive, isOpen, nextBase, storedUntilMs } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import { BlockPages } from "./block-pages.ts";
import { firstBlockFrom } from "./first-block-from.ts";
import { QUEUE_ENDS_MAX, SMALL_BLOCK_BYTES, SMALL_BLOCKS_PER_QUERY } from "./log-limits.ts";
import type { Queue, QueueName } from "./queue.ts";
import { horizonMs } from "./retention.ts";
import { type Run, RunWalk, type Seen } from "./run-walk.ts";
import { firstStoredAt } from "./slices.ts";

export interface QueueBounds {
  readonly minOffset: number;
  /** Exclusive: the next offset to be written. */
  readonly maxOffset: number;
}

/**
 * Reads a queue's chain. Full blocks never change, so they are cached (16 MB); open blocks are always read anew. The known end of a
 * queue is kept too: stored messages stay stored.
 */
export class QueueReader {
  readonly #items: ItemStore;
  readonly #pages: BlockPages;
  readonly #clock: Clock;
  readonly #seen = new LRUCache<string, Seen>(growingTo(QUEUE_ENDS_MAX));
  /** Bases of blocks before which everything has expired: the horizon never falls. */
  readonly #firsts = new LRUCache<string, number>(growingTo(QUEUE_ENDS_MAX));
  readonly #full = new BlockCache();

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }) {
    this.#items = store.items;
    this.#pages = new BlockPages(store.items);
    this.#clock = store.clock;
  }

  /** Keeps a block that this process wrote, so that a waiting reader need not fetch it. */
  remember(queue: QueueName, block: Block): void {
    this.#saw(queuePk(queue.topicUid, queue.queueId), block);
  }

  /** The end of the queue, as far as this process knows. The chain may reach further. */
  knownEnd(queue: QueueName): number {
    return this.#seen.get(queuePk(queue.topicUid, queue.queueId))?.end ?? 0;
  }

  /**
   * At least `count` messages from `from` on, if there are as many before the next gap. `hint` is the base of a block at or before
   * `from`: with it a warm read is one query, or none.
   */
  async run(queue: Queue, from: number, count: number, hint?: number): Promise<Run> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const wanted = { from, count, horizonMs: this.#horizonMs(queue) };
    const walk = new RunWalk(wanted, this.#seen.get(pk));
    this.#walkCached(pk, walk);
    let start = walk.blocks.length > 0 || hint === undefined ? undefined : hint;
    if (walk.blocks.length === 0 && hint === undefined) walk.take(await this.#blockAt(pk, from));
    while (!walk.done) {
      const { blocks, more } = await this.#pages.ascending(pk, start ?? walk.next, walk.queryLimit(start));
      start = undefined;
      for (const block of blocks) this.#saw(pk, block);
      for (const block of blocks) {
        if (!isLive(block, this.#clock.nowMs()) || nextBase(block) <= walk.next) continue;
        // A page is no snapshot: the block before a gap may have grown, so it is read once more. Only offsets that are still missing
        // then, and have a live block behind them, have expired.
        if (block.base > walk.next) walk.take(await this.#blockAt(pk, walk.next));
        walk.take(block);
        if (walk.done) break;
      }
      if (!more) break;
      const last = blocks.at(-1);
      if (!last || walk.blocks.length > 0) continue;
      walk.passed(nextBase(last));
      if (!isLive(last, this.#clock.nowMs()) || storedUntilMs(last) < wanted.horizonMs) {
        // Expired blocks may fill very many pages: continue at the first live block.
        const live = await this.#firstFrom(queue, wanted.horizonMs);
        if (live === undefined) break;
        walk.passed(live);
      }
      // The hint was far behind: the block that holds the offset may start before it, which the next query would miss.
      walk.take(await this.#blockAt(pk, walk.next));
    }
    return walk.run();
  }

  /**
   * The block that starts at `base` as it is stored now, read past the cache: the cached copy may have been garbled on the way.
   * `undefined` if it is gone or cannot be read.
   */
  async again(queue: QueueName, base: number): Promise<Block | undefined> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    this.#full.forget(pk, base);
    const block = await this.#pages.atOrBefore(pk, base);
    if (block?.base !== base || block.damage !== undefined) return undefined;
    this.#saw(pk, block);
    return block;
  }

  /** Whether `offset` is stored, by an eventually consistent read: the latest writes may be missed. `hint` as in `run`. */
  async reaches(queue: QueueName, offset: number, hint: number): Promise<boolean> {
    if (this.knownEnd(queue) > offset) return true;
    const pk = queuePk(queue.topicUid, queue.queueId);
    const holds = (block: Block): boolean => nextBase(block) > offset && isLive(block, this.#clock.nowMs());
    if (hint < offset) {
      // Any number of blocks may lie between the two, so the last block of the queue is read.
      const { tail } = await this.#pages.end(pk, false);
      return tail !== undefined && holds(tail);
    }
    // A block starts at the offset, or will. A query that finds none costs less than reading the last block.
    const page = await this.#items.query({ pk, from: offsetSk(offset), limit: 1, consistent: false });
    return page.items.length > 0 || (page.damaged?.length ?? 0) > 0;
  }

  /** The base of a block at or before `offset`, to start reads from. */
  async hintFor(queue: QueueName, offset: number): Promise<number> {
    const block = await this.#blockAt(queuePk(queue.topicUid, queue.queueId), offset, false);
    return block?.base ?? offset;
  }

  /** The next offset to be written. If all blocks have expired, it is the anchor's cap, because offsets are never reused. */
  async maxOffset(queue: QueueName): Promise<number> {
    const tail = await this.tail(queue);
    if (tail) return nextBase(tail);
    // The first send ever may happen between the two reads. The anchor's cap counts only if there is still no tail after it.
    const cap = await this.#cap(queue);
    const settled = await this.tail(queue);
    return settled ? nextBase(settled) : cap;
  }

  /** The last block, if it is live. */
  async tail(queue: QueueName): Promise<Block | undefined> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const { tail } = await this.#pages.end(pk);
    if (tail) this.#saw(pk, tail);
    return tail && isLive(tail, this.#clock.nowMs()) ? tail : undefined;
  }

  /** The first offset that has not expired; the max offset when all have. It never falls. */
  minOffset(queue: Queue): Promise<number> {
    return this.#lowerBound(queue, Number.NEGATIVE_INFINITY);
  }

  /**
   * LOWER: the first offset stored at or after a time; the max offset where there is none. UPPER: the last one stored at or before it;
   * the min offset where there is none. What has expired is not there.
   */
  async offsetAt(queue: Queue, { timestampMs, boundary }: StoredAt): Promise<number> {
    if (boundary !== "UPPER") return this.#lowerBound(queue, timestampMs);
    // The store times of clients are whole milliseconds.
    const [behind, minOffset] = [await this.#lowerBound(queue, timestampMs + 1), await this.minOffset(queue)];
    return Math.max(minOffset, behind - 1);
  }

  async #lowerBound(queue: Queue, timeMs: number): Promise<number> {
    const fromMs = Math.max(timeMs, this.#horizonMs(queue));
    const first = await this.#firstFrom(queue, fromMs);
    if (first !== undefined) return first;
    // A send may come in between: its message is at or behind the max offset as it was before.
    const maxOffset = await this.maxOffset(queue);
    return (await this.#firstFrom(queue, fromMs)) ?? maxOffset;
  }

  /** Where a queue begins and ends. Both only grow, so a minimum that is read first is never above the maximum. */
  async bounds(queue: Queue): Promise<QueueBounds> {
    const minOffset = await this.minOffset(queue);
    return { minOffset, maxOffset: await this.maxOffset(queue) };
  }

  /** The first offset stored at or after `fromMs`, which is not before the horizon. */
  async #firstFrom(queue: Queue, fromMs: number): Promise<number | undefined> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const nowMs = this.#clock.nowMs();
    const startAt = this.#firsts.get(pk) ?? 0;
    const small = (this.#seen.get(pk)?.bytes ?? Number.POSITIVE_INFINITY) <= SMALL_BLOCK_BYTES;
    const pageSize = small ? SMALL_BLOCKS_PER_QUERY : 1;
    const block = await firstBlockFrom(this.#pages, { pk, fromMs, nowMs, startAt, pageSize });
    if (block && fromMs <= this.#horizonMs(queue)) this.#firsts.set(pk, block.base);
    return block && firstStoredAt(block, fromMs);
  }

  #horizonMs({ retention }: Queue): number {
    return horizonMs(retention, this.#clock.nowMs());
  }

  #saw(pk: string, block: Block): void {
    if (!isOpen(block) && block.damage === undefined) this.#full.keep(pk, block);
    const end = Math.max(nextBase(block), this.#seen.get(pk)?.end ?? 0);
    this.#seen.set(pk, { end, count: block.count, bytes: block.bytes });
  }

  #walkCached(pk: string, walk: RunWalk): void {
    const nowMs = this.#clock.nowMs();
    let block = this.#full.at(pk, walk.next);
    while (block && !walk.done && isLive(block, nowMs)) {
      walk.take(block);
      block = this.#full.at(pk, walk.next);
    }
  }

  /** The live block that covers `offset`. If `covering` is false: the last block at or before `offset`. */
  async #blockAt(pk: string, offset: number, covering = true): Promise<Block | undefined> {
    const block = await this.#pages.atOrBefore(pk, offset);
    if (!block || !covering) return block;
    return nextBase(block) > offset && isLive(block, this.#clock.nowMs()) ? block : undefined;
  }

  #cap({ topicUid, queueId }: QueueName): Promise<number> {
    return new Anchor(this.#items, topicUid, queueId).read();
  }
}
