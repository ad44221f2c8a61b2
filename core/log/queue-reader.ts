import { offsetSk, queuePk } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { StoredAt } from "../requests.ts";
import { SegmentReader } from "../segments/segment-reader.ts";
import { Anchor } from "./anchor.ts";
import { type Block, isLive, nextBase, storedUntilMs } from "./block.ts";
import { BlockPages } from "./block-pages.ts";
import { type FrameInBlock, findFrame } from "./find-frame.ts";
import { FirstOffsets } from "./first-offsets.ts";
import { KnownQueues } from "./known-queues.ts";
import { SMALL_BLOCK_BYTES, SMALL_BLOCKS_PER_QUERY } from "./log-limits.ts";
import type { LogDependencies, LogSettings } from "./log-settings.ts";
import type { Queue, QueueName } from "./queue.ts";
import { horizonMs } from "./retention.ts";
import { type Run, RunWalk } from "./run-walk.ts";

export interface QueueBounds {
  readonly minOffset: number;
  /** Exclusive: the next offset to be written. */
  readonly maxOffset: number;
}

/**
 * Reads a queue: its chain, and the segments that blocks were copied to. Full blocks are cached; open ones are read anew.
 *
 * A block may have left the chain for a segment. So offsets that the chain does not have have expired only if no segment has them
 * either. The last block never leaves, so behind the end of the chain there is nothing to look for.
 */
export class QueueReader {
  readonly #items: ItemStore;
  readonly #pages: BlockPages;
  readonly #clock: Clock;
  readonly #known: KnownQueues;
  readonly #firsts: FirstOffsets;
  readonly #segments: SegmentReader;

  constructor(
    store: Pick<LogDependencies, "items" | "objects" | "clock">,
    { lookBehind, soleProcess = false }: Pick<LogSettings, "lookBehind" | "soleProcess"> = {},
  ) {
    this.#items = store.items;
    this.#known = new KnownQueues(soleProcess);
    this.#pages = new BlockPages(store.items);
    this.#clock = store.clock;
    this.#segments = new SegmentReader(store, lookBehind);
    this.#firsts = new FirstOffsets({ pages: this.#pages, segments: this.#segments }, store.clock);
  }

  /** Keeps a block that this process wrote, so that a waiting reader need not fetch it. */
  remember(queue: QueueName, block: Block): void {
    this.#known.wrote(queuePk(queue.topicUid, queue.queueId), block);
  }

  /** A write of this process failed, and may be stored none the less. */
  mayHaveGrown(queue: QueueName): void {
    this.#known.mayHaveGrown(queuePk(queue.topicUid, queue.queueId));
  }

  /** The end of the queue, as far as this process knows. The chain may reach further. */
  knownEnd(queue: QueueName): number {
    return this.#known.end(queuePk(queue.topicUid, queue.queueId));
  }

  /**
   * At least `count` messages from `from` on, if there are as many before the next gap. `hint` is the base of a block at or before
   * `from`: with it a warm read is one query, or none.
   */
  async run(queue: Queue, from: number, count: number, hint?: number): Promise<Run> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    if (this.#known.isOver(pk, from)) return { from, expired: 0, available: 0, blocks: [] };
    const { writes } = this.#known;
    const wanted = { from, count, horizonMs: this.#horizonMs(queue) };
    const walk = new RunWalk(wanted, this.#known.seen(pk));
    this.#walkCached(pk, walk);
    await this.#walkRolled(queue, walk, hint !== undefined);
    let start = walk.blocks.length > 0 || hint === undefined ? undefined : hint;
    if (walk.blocks.length === 0 && hint === undefined) walk.take(await this.#readableAt(pk, walk.next));
    while (!walk.done) {
      const asked = start ?? walk.next;
      const { blocks, more } = await this.#pages.ascending(pk, asked, walk.queryLimit(start));
      start = undefined;
      for (const block of blocks) this.#known.saw(pk, block);
      for (const block of blocks) {
        if (!isLive(block, this.#clock.nowMs()) || nextBase(block) <= walk.next) continue;
        // Only offsets that are missing in the chain and in segments, and have a live block behind them, have expired.
        if (block.base > walk.next) await this.#walkGap(queue, walk, block.base);
        if (block.damage !== undefined) await this.#walkGap(queue, walk, nextBase(block));
        walk.take(block);
        if (walk.done) break;
      }
      const last = blocks.at(-1);
      if (!more) {
        walk.reachedEnd(last, this.#clock.nowMs());
        this.#known.foundEnd(pk, last, Math.max(asked, walk.next), writes);
        break;
      }
      if (!last || walk.blocks.length > 0) continue;
      walk.passed(nextBase(last));
      if (!isLive(last, this.#clock.nowMs()) || storedUntilMs(last) < wanted.horizonMs) {
        // Expired blocks may fill very many pages: continue where the first live message is.
        const live = await this.#firstFrom(queue, wanted.horizonMs);
        if (live === undefined) break;
        walk.passed(live);
        await this.#walkRolled(queue, walk, true);
      }
      // The hint was far behind: the block that holds the offset may start before it, which the next query would miss.
      if (walk.blocks.length === 0) walk.take(await this.#readableAt(pk, walk.next));
    }
    return walk.run();
  }

  /**
   * A block as it is stored now, in the chain or in a segment, read past the caches: the cached copy may have been garbled on the way.
   * `undefined` if it is gone or cannot be read.
   */
  async again(queue: QueueName, block: Block): Promise<Block | undefined> {
    const { base } = block;
    const pk = queuePk(queue.topicUid, queue.queueId);
    const holds = (found: Block | undefined) => found?.base === base && nextBase(found) >= nextBase(block) && !found.damage;
    const entry = base < this.#segments.knownEnd(queue) ? await this.#segments.entryAt(queue, base) : undefined;
    const [rolled] = entry ? await this.#segments.blocksAgain(queue, entry, base) : [];
    if (holds(rolled)) return rolled;
    this.#known.full.forget(pk, base);
    const found = await this.#pages.atOrBefore(pk, base);
    if (!holds(found)) return undefined;
    this.#known.saw(pk, found as Block);
    return found;
  }

  /** As `findFrame`. */
  find(queue: QueueName, base: number, frameId: Uint8Array): Promise<FrameInBlock | undefined> {
    return findFrame({ items: this.#items, segments: this.#segments }, queue, base, frameId);
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
    if (tail) this.#known.saw(pk, tail);
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
    const first = await this.#firstFrom(queue, this.#horizonMs(queue));
    const maxOffset = await this.maxOffset(queue);
    // Where all has expired, a queue begins at its end, as in `#lowerBound`.
    const minOffset = first ?? (await this.#firstFrom(queue, this.#horizonMs(queue))) ?? maxOffset;
    return { minOffset, maxOffset: Math.max(minOffset, maxOffset) };
  }

  /** The first offset stored at or after `fromMs`, which is not before the horizon. */
  async #firstFrom(queue: Queue, fromMs: number): Promise<number | undefined> {
    const bytes = this.#known.seen(queuePk(queue.topicUid, queue.queueId))?.bytes ?? Number.POSITIVE_INFINITY;
    return this.#firsts.from(queue, fromMs, bytes <= SMALL_BLOCK_BYTES ? SMALL_BLOCKS_PER_QUERY : 1);
  }

  #horizonMs({ retention }: Queue): number {
    return horizonMs(retention, this.#clock.nowMs());
  }

  /** Takes what is known to be in segments from there on, or may be, since the reader is far behind. */
  async #walkRolled(queue: Queue, walk: RunWalk, isHinted: boolean): Promise<void> {
    if (walk.done) return;
    const { next } = walk;
    const messages = this.knownEnd(queue) - next;
    const isRolled = next < this.#segments.knownEnd(queue);
    if (!isRolled && !(await this.#segments.glanceAt(queue, next, { messages, isHinted }))) return;
    await this.#walkSegments(queue, walk, Math.max(this.knownEnd(queue), this.#segments.knownEnd(queue)), false);
  }

  /**
   * Takes what segments have from there on without a gap. What they have and cannot be read is taken from the chain if that has it.
   * `isGap`: the chain does not have it. Else the chain is read next, so an index item that was written a moment ago may be missed.
   */
  async #walkSegments(queue: Queue, walk: RunWalk, until: number, isGap: boolean): Promise<void> {
    const horizon = this.#horizonMs(queue);
    while (!walk.done && walk.next < until) {
      const { next } = walk;
      const entry = await this.#segments.entryAt(queue, next, isGap);
      if (!entry || (entry.damage !== undefined && !isGap)) return;
      const page = this.#segments.pageAt(entry, next);
      if (walk.blocks.length === 0 && page && page.storedUntilMs < horizon) {
        walk.passed(entry.storedUntilMs < horizon ? nextBase(entry) : nextBase(page));
        continue;
      }
      const blocks = await this.#segments.blocksAt(queue, entry, next, until);
      if (!blocks) walk.passed(nextBase(entry));
      for (const block of blocks ?? []) {
        const pk = queuePk(queue.topicUid, queue.queueId);
        walk.take((block.damage !== undefined && (await this.#blockAt(pk, walk.next))) || block);
        if (walk.done) return;
      }
      if (walk.next === next) return;
    }
  }

  /**
   * Takes what there is in front of a live block at `until`, or in place of one that cannot be read. A page is no snapshot: the block before a gap may have grown, so it is read
   * once more. Then segments are looked into, and then the chain again, since a block is copied before it is dropped.
   */
  async #walkGap(queue: Queue, walk: RunWalk, until: number): Promise<void> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    while (!walk.done && walk.next < until) {
      const { next } = walk;
      walk.take(await this.#readableAt(pk, next));
      if (walk.next > next) continue;
      const rolled = await this.#segments.firstWithin(queue, next, until);
      if (rolled === next) await this.#walkSegments(queue, walk, until, true);
      if (walk.next > next) continue;
      walk.take(await this.#blockAt(pk, next));
      if (walk.next > next) continue;
      if (rolled === undefined || rolled === next || walk.blocks.length > 0) return;
      walk.passed(rolled);
    }
  }

  #walkCached(pk: string, walk: RunWalk): void {
    const nowMs = this.#clock.nowMs();
    let block = this.#known.full.at(pk, walk.next);
    while (block && !walk.done && isLive(block, nowMs)) {
      walk.take(block);
      block = this.#known.full.at(pk, walk.next);
    }
  }

  /** The live block that covers `offset`, unless it cannot be read: a segment may have it. */
  async #readableAt(pk: string, offset: number): Promise<Block | undefined> {
    const block = await this.#blockAt(pk, offset);
    return block?.damage === undefined ? block : undefined;
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
