import { LRUCache } from "lru-cache";
import { type Block, isOpen, nextBase } from "../log/block.ts";
import type { BlockNames } from "../log/block-names.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { storedAtMsOf } from "../log/slices.ts";
import { type Position, UNKNOWN_TIME_MS } from "../query/position.ts";
import { runsBetween } from "../query/runs-between.ts";
import type { Topic } from "../terms.ts";
import { KNOWN_NAMES, STRIDE } from "./key-index-limits.ts";

/** What one step of a lookup may still read of what no segment has yet. */
export interface ReadBudget {
  bytes: number;
}

/** A search ended here for lack of a budget, and goes on when there is one: nothing newer than this is left to be found. */
export interface Stopped {
  readonly stop: Position;
}

/**
 * The names in blocks that were looked into. Full blocks never change, so those of the blocks that were read last are kept. They count
 * by what they take: a small block may point at thousands of names.
 */
export class KnownNames {
  readonly #log: QueueLog;
  readonly #known = new LRUCache<Block, BlockNames>({
    maxSize: KNOWN_NAMES.bytes,
    sizeCalculation: ({ named }, { bytes }) => bytes + KNOWN_NAMES.blockBytes + named.length * KNOWN_NAMES.nameBytes,
  });

  constructor(log: QueueLog) {
    this.#log = log;
  }

  /** A block that cannot be read is read once more: it may have been garbled on the way. Errors: `StoreUnavailable`. */
  async of(queue: Queue, block: Block): Promise<BlockNames> {
    const known = this.#known.get(block);
    if (known) return known;
    const names = await this.#log.names(block, queue.topicUid);
    if (names.unreadable.length > 0) {
      const again = await this.#log.reader.again(queue, block);
      return again ? this.#log.names(again, queue.topicUid) : names;
    }
    // Objects are not read again for what is known.
    if (!isOpen(block)) this.#known.set(block, { ...names, objectBytes: 0 });
    return names;
  }
}

/** Where what is wanted of a queue ends. */
export interface UnrolledEnd {
  /** The offset behind it. */
  readonly end: number;
  /** The block in front of that, if it was read already. */
  readonly tail?: Block | undefined;
}

export interface UnrolledSearch extends UnrolledEnd {
  readonly topic: Topic;
  readonly queueId: number;
  readonly hash: number;
  /** Offsets in front of it are not wanted. */
  readonly from: number;
}

/** Finds what has a name among the offsets of a queue that no segment has yet, the newest first. Errors: `StoreUnavailable`. */
export class UnrolledCursor {
  readonly #log: QueueLog;
  readonly #names: KnownNames;
  readonly #search: UnrolledSearch;
  readonly #budget: ReadBudget;
  /** Ascending. */
  #found: Position[] = [];
  #end: number;
  /** In front of it nothing is left to be found. */
  #from: number;
  #stride: number;
  #passedGap = false;
  /** The oldest that was looked at. */
  #oldest: Position | undefined;

  constructor(log: QueueLog, names: KnownNames, search: UnrolledSearch, budget: ReadBudget) {
    this.#log = log;
    this.#names = names;
    this.#search = search;
    this.#budget = budget;
    this.#end = search.end;
    this.#from = search.from;
    this.#stride = Math.max(STRIDE.least, Math.min(STRIDE.most, Math.floor(STRIDE.together / search.topic.queuesEver)));
  }

  /** Reads backwards. `undefined` where all is read. */
  async next(): Promise<Position | Stopped | undefined> {
    while (this.#found.length === 0 && this.#end > this.#from) {
      // Without a budget the first look is taken all the same: who asks again comes further.
      if (this.#budget.bytes <= 0 && this.#oldest) return { stop: this.#oldest };
      await this.#stepBack();
    }
    return this.#found.pop();
  }

  async #stepBack(): Promise<void> {
    const { topic, queueId, tail } = this.#search;
    const end = this.#end;
    if (tail && nextBase(tail) === end) {
      const start = Math.max(this.#from, tail.base);
      await this.#look(tail, start, end);
      this.#end = start;
      this.#reached(tail, start);
      return;
    }
    const queue = queueOf(topic, queueId);
    const start = Math.max(this.#from, end - this.#stride);
    const runs = await runsBetween(this.#log.reader, queue, start, end);
    for (const { blocks, from } of runs) {
      let next = from;
      for (const block of blocks) {
        await this.#look(block, next, end);
        next = nextBase(block);
      }
    }
    this.#end = start;
    const [oldest] = runs;
    if (oldest) this.#reached(oldest.blocks[0], oldest.from);
    else await this.#passGap(queue);
  }

  /** A chain that started again left a gap. Where it is the first, all in front of it may have expired, however much that is. */
  async #passGap(queue: Queue): Promise<void> {
    this.#stride = Math.min(STRIDE.gap, 2 * this.#stride);
    if (!this.#passedGap) this.#from = Math.max(this.#from, await this.#log.reader.minOffset(queue));
    this.#passedGap = true;
  }

  #reached(block: Block | undefined, offset: number): void {
    const storedAtMs = block && storedAtMsOf(block, offset);
    if (storedAtMs !== undefined) this.#oldest = { storedAtMs, queueId: this.#search.queueId, offset };
  }

  /** A message that cannot be read may be the one that is looked for: whoever asks is told of it. */
  async #look(block: Block, start: number, end: number): Promise<void> {
    const { topic, queueId, hash } = this.#search;
    const { named, unreadable, objectBytes } = await this.#names.of(queueOf(topic, queueId), block);
    this.#budget.bytes -= block.bytes + objectBytes;
    const found = [...named.filter((one) => one.hash === hash), ...unreadable];
    for (const { offset, storedAtMs } of found.sort((one, other) => one.offset - other.offset))
      if (offset >= start && offset < end)
        this.#found.push({ storedAtMs: Math.min(storedAtMs, UNKNOWN_TIME_MS), queueId, offset });
  }
}
