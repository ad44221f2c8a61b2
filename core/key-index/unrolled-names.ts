import { type Block, nextBase } from "../log/block.ts";
import type { NamedOffset } from "../log/block-names.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { storedAtMsOf } from "../log/slices.ts";
import type { Position } from "../query/position.ts";
import { runsBetween } from "../query/runs-between.ts";
import type { Topic } from "../terms.ts";
import { STRIDE } from "./key-index-limits.ts";

/** What one step of a lookup may still read of what no segment has yet. */
export interface ReadBudget {
  bytes: number;
}

/** A search ended here for lack of a budget, and goes on when there is one: nothing newer than this is left to be found. */
export interface Stopped {
  readonly stop: Position;
}

/** The names in blocks that were looked into: full blocks never change, and stay in memory for as long as a reader keeps them. */
export class KnownNames {
  readonly #log: Pick<QueueLog, "names">;
  readonly #known = new WeakMap<Block, readonly NamedOffset[]>();

  constructor(log: Pick<QueueLog, "names">) {
    this.#log = log;
  }

  async of(block: Block, topicUid: string): Promise<readonly NamedOffset[]> {
    const known = this.#known.get(block);
    if (known) return known;
    const names = await this.#log.names(block, topicUid);
    this.#known.set(block, names);
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

  async #look(block: Block, start: number, end: number): Promise<void> {
    const { topic, queueId, hash } = this.#search;
    this.#budget.bytes -= block.bytes;
    for (const one of await this.#names.of(block, topic.uid)) {
      if (one.hash !== hash || one.offset < start || one.offset >= end) continue;
      this.#found.push({ storedAtMs: one.storedAtMs, queueId, offset: one.offset });
    }
  }
}
