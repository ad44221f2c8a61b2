import { LRUCache } from "lru-cache";
import { anchorKey, offsetSk, queuePk } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { type Block, blockOf, isLive, isOpen, nextBase } from "./block.ts";
import { BlockCache } from "./block-cache.ts";
import {
  BLOCKS_PER_QUERY_MAX,
  QUEUE_ENDS_MAX,
  SMALL_BLOCK_BYTES,
  SMALL_BLOCKS_PER_QUERY,
  UNKNOWN_BLOCKS_PER_QUERY,
} from "./log-limits.ts";

export interface Queue {
  readonly topicUid: string;
  readonly queueId: number;
}

/** Live blocks that follow one another without a gap, the first holding `from`. */
export interface Run {
  /** The offset asked for, or the first live one behind it: what lies between has expired. */
  readonly from: number;
  /** Messages from `from` to the end of the last block; 0 when there is nothing yet. */
  readonly available: number;
  readonly blocks: readonly Block[];
}

/**
 * Reads a queue's chain. Full blocks never change, so they are kept (16 MB); open ones are always read anew. How far a queue
 * was seen to reach is kept too: what is stored stays stored.
 */
export class QueueReader {
  readonly #items: ItemStore;
  readonly #clock: Clock;
  readonly #seen = new LRUCache<string, Seen>({ max: QUEUE_ENDS_MAX });
  readonly #full = new BlockCache();

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }) {
    this.#items = store.items;
    this.#clock = store.clock;
  }

  /** Keeps a block this process wrote, so that a waiting reader need not fetch it. */
  remember(queue: Queue, block: Block): void {
    this.#saw(queuePk(queue.topicUid, queue.queueId), block);
  }

  /** Offsets below it are stored, as far as this process knows; the chain may reach further. */
  knownEnd(queue: Queue): number {
    return this.#seen.get(queuePk(queue.topicUid, queue.queueId))?.end ?? 0;
  }

  /**
   * At least `count` messages from `from` on, where there are as many before the next gap.
   * `hint` is the base of a block at or before `from`: with it a warm read is one query, or none.
   */
  async run(queue: Queue, from: number, count: number, hint?: number): Promise<Run> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const walk = new Walk(from, count, this.#seen.get(pk));
    this.#walkCached(pk, walk);
    let start = walk.blocks.length > 0 || hint === undefined ? undefined : hint;
    if (walk.blocks.length === 0 && hint === undefined) walk.take(await this.#blockAt(pk, from));
    while (!walk.done) {
      const page = await this.#items.query({ pk, from: offsetSk(start ?? walk.next), limit: walk.queryLimit(start) });
      start = undefined;
      const blocks = page.items.map(blockOf);
      for (const block of blocks) this.#saw(pk, block);
      for (const block of blocks) {
        if (!isLive(block, this.#clock.nowMs()) || nextBase(block) <= walk.next) continue;
        // At a gap look once more: only what is then missing, with a live block behind it, has expired.
        if (block.base > walk.next) walk.take(await this.#blockAt(pk, walk.next));
        walk.take(block);
        if (walk.done) break;
      }
      if (!page.more) break;
      const last = blocks.at(-1);
      if (!last || walk.blocks.length > 0) continue;
      walk.passed(nextBase(last));
      if (!isLive(last, this.#clock.nowMs())) {
        // Expired blocks may fill very many pages: go where the live ones begin.
        const live = await this.firstBlock(queue, () => true);
        if (!live) break;
        walk.passed(live.base);
      }
      // A hint from far behind: the block that holds the offset may start before it, where the next query does not look.
      walk.take(await this.#blockAt(pk, walk.next));
    }
    return walk.run();
  }

  /** Whether `offset` is stored; not consistent: what was just written may be missed. `hint` as in `run`. */
  async reaches(queue: Queue, offset: number, hint: number): Promise<boolean> {
    if (this.knownEnd(queue) > offset) return true;
    const pk = queuePk(queue.topicUid, queue.queueId);
    // A block that starts before the offset may have grown, or be full with another behind it.
    const query = { pk, from: offsetSk(Math.min(hint, offset)), limit: hint < offset ? 2 : 1, consistent: false };
    return (await this.#items.query(query)).items.some((item) => nextBase(blockOf(item)) > offset);
  }

  /** The base of a block at or before `offset`, to start reads from. */
  async hintFor(queue: Queue, offset: number): Promise<number> {
    const block = await this.#blockAt(queuePk(queue.topicUid, queue.queueId), offset, false);
    return block?.base ?? offset;
  }

  /** The next offset to be written. After total expiry that is the anchor's cap: offsets are never reused. */
  async maxOffset(queue: Queue): Promise<number> {
    const tail = await this.tail(queue);
    if (tail) return nextBase(tail);
    // The first send of all may come in between: what the anchor said counts if there is no tail after it either.
    const cap = await this.#cap(queue);
    const settled = await this.tail(queue);
    return settled ? nextBase(settled) : cap;
  }

  /** The last block, if it lives. */
  async tail(queue: Queue): Promise<Block | undefined> {
    const page = await this.#items.query({ pk: queuePk(queue.topicUid, queue.queueId), reverse: true, limit: 1 });
    const [item] = page.items;
    const block = item && blockOf(item);
    if (block) this.#saw(queuePk(queue.topicUid, queue.queueId), block);
    return block && isLive(block, this.#clock.nowMs()) ? block : undefined;
  }

  /** The first offset that is still there; the max offset when none is. */
  async minOffset(queue: Queue): Promise<number> {
    const block = await this.firstBlock(queue, () => true);
    if (block) return block.base;
    const cap = await this.#cap(queue);
    const settled = await this.firstBlock(queue, () => true);
    return settled ? settled.base : cap;
  }

  /** The first live block for which `holds` is true; it must stay true for all behind. A few queries, whatever the length. */
  async firstBlock(queue: Queue, holds: (block: Block) => boolean): Promise<Block | undefined> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const fits = (block: Block): boolean => isLive(block, this.#clock.nowMs()) && holds(block);
    const { items } = await this.#items.query({ pk, limit: 1 });
    const first = items[0] && blockOf(items[0]);
    if (!first || fits(first)) return first;
    let found = await this.tail(queue);
    if (!found || !fits(found)) return undefined;
    // Invariant: all before `low` do not fit, `found` does.
    for (let low = nextBase(first); low < found.base; ) {
      const middle = await this.#blockAt(pk, Math.floor((low + found.base - 1) / 2), false);
      if (middle && middle.base >= low && fits(middle)) found = middle;
      else low = Math.max(Math.floor((low + found.base - 1) / 2) + 1, middle ? nextBase(middle) : 0);
    }
    return found;
  }

  #saw(pk: string, block: Block): void {
    if (!isOpen(block)) this.#full.keep(pk, block);
    const end = Math.max(nextBase(block), this.#seen.get(pk)?.end ?? 0);
    this.#seen.set(pk, { end, count: block.count, bytes: block.bytes });
  }

  #walkCached(pk: string, walk: Walk): void {
    const nowMs = this.#clock.nowMs();
    let block = this.#full.at(pk, walk.next);
    while (block && !walk.done && isLive(block, nowMs)) {
      walk.take(block);
      block = this.#full.at(pk, walk.next);
    }
  }

  /** The block that covers `offset`; where none does, the one before it unless `covering`. */
  async #blockAt(pk: string, offset: number, covering = true): Promise<Block | undefined> {
    const { items } = await this.#items.query({ pk, to: offsetSk(offset), reverse: true, limit: 1 });
    const block = items[0] && blockOf(items[0]);
    if (!block || !covering) return block;
    return nextBase(block) > offset && isLive(block, this.#clock.nowMs()) ? block : undefined;
  }

  async #cap(queue: Queue): Promise<number> {
    const anchor = await this.#items.get(anchorKey(queue.topicUid, queue.queueId));
    return (anchor?.cap as number | undefined) ?? 0;
  }
}

/** What was met of a queue: how far it reaches at least, and how large its blocks are. */
interface Seen extends Pick<Block, "count" | "bytes"> {
  readonly end: number;
}

/** Collects a run: blocks must come in order; one behind a gap is taken only as the first. */
class Walk {
  readonly blocks: Block[] = [];
  next: number;
  /** Messages per block, as last seen: how many blocks to ask for. */
  density: number | undefined;
  /** Whether blocks are small, as last seen. */
  small = false;
  done = false;
  readonly #count: number;
  #from: number;

  constructor(from: number, count: number, seen: Seen | undefined) {
    this.#from = from;
    this.next = from;
    this.#count = count;
    if (seen) this.#learn(seen);
  }

  get available(): number {
    return this.next - this.#from;
  }

  /** Blocks to ask for; one more where the first may be behind already. */
  queryLimit(start: number | undefined): number {
    const messages = this.#count - this.available;
    const blocks = this.density === undefined ? Math.min(messages, UNKNOWN_BLOCKS_PER_QUERY) : Math.ceil(messages / this.density);
    const missing = blocks + (start !== undefined && start < this.next ? 1 : 0);
    return Math.min(BLOCKS_PER_QUERY_MAX, this.small ? Math.max(SMALL_BLOCKS_PER_QUERY, missing) : missing);
  }

  take(block: Block | undefined): void {
    if (!block || this.done || nextBase(block) <= this.next) return;
    if (block.base > this.next) {
      if (this.blocks.length > 0) {
        this.done = true;
        return;
      }
      this.#from = block.base;
    }
    this.blocks.push(block);
    this.next = nextBase(block);
    this.#learn(block);
    this.done = this.available >= this.#count;
  }

  #learn(block: Pick<Block, "count" | "bytes">): void {
    this.density = Math.max(1, block.count);
    this.small = block.bytes <= SMALL_BLOCK_BYTES;
  }

  /** Nothing live before `offset`, as far as a page went: expired blocks fill pages too. */
  passed(offset: number): void {
    if (this.blocks.length === 0 && offset > this.next) {
      this.#from = offset;
      this.next = offset;
    }
  }

  run(): Run {
    return { from: this.#from, available: this.available, blocks: this.blocks };
  }
}
