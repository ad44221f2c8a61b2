import { type Block, nextBase } from "./block.ts";
import {
  BLOCKS_PER_QUERY_MAX,
  CAP_STEP,
  SMALL_BLOCK_BYTES,
  SMALL_BLOCKS_PER_QUERY,
  UNKNOWN_BLOCKS_PER_QUERY,
} from "./log-limits.ts";
import { firstStoredAt } from "./slices.ts";

/**
 * Live blocks that follow one another without a gap, the first holding `from`. Among them may be such as cannot be read: their
 * offsets count, and reading them says so of each.
 */
export interface Run {
  /** The offset asked for, or the first live one behind it: between them nothing is stored any more. */
  readonly from: number;
  /**
   * Messages between the offset asked for and `from`, as far as that is known: they have expired. Fewer than the offsets between
   * where the chain was restarted, which leaves offsets that nobody ever wrote.
   */
  readonly expired: number;
  /** Messages from `from` to the end of the last block; 0 when there is nothing yet. */
  readonly available: number;
  readonly blocks: readonly Block[];
}

/** What was met of a queue: how far it reaches at least, and how large its blocks are. */
export interface Seen extends Pick<Block, "count" | "bytes"> {
  readonly end: number;
}

/** What a run is to hold: messages from an offset on, as many as `count`, none stored before `horizonMs`. */
export interface Wanted {
  readonly from: number;
  readonly count: number;
  readonly horizonMs: number;
}

/**
 * Collects a run: blocks must come in order; one behind a gap is taken only as the first. A block that was taken and has grown since
 * comes again: it replaces what it was. Store times never fall along a chain, so only the first block can have messages that have
 * expired, and they are its first.
 */
export class RunWalk {
  readonly blocks: Block[] = [];
  next: number;
  /** Messages per block, as last seen: how many blocks to ask for. */
  density: number | undefined;
  /** Whether blocks are small, as last seen. */
  small = false;
  done = false;
  readonly #count: number;
  readonly #asked: number;
  readonly #horizonMs: number;
  #from: number;

  constructor({ from, count, horizonMs }: Wanted, seen: Seen | undefined) {
    this.#asked = from;
    this.#horizonMs = horizonMs;
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
    if (this.blocks.length === 0) {
      this.passed(firstRetained(block, this.#horizonMs));
      if (nextBase(block) <= this.next) return;
    } else if (block.base > this.next) {
      this.done = true;
      return;
    }
    const last = this.blocks.at(-1);
    if (last && block.base < this.next) {
      // Only the same block can hold what follows its own beginning.
      if (block.base !== last.base) return;
      this.blocks.pop();
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
    const [first] = this.blocks;
    const expired = first ? expiredBefore(first, this.#asked, Math.min(first.base, this.#from)) : 0;
    const expiredInside = first ? this.#from - Math.max(first.base, Math.min(this.#asked, this.#from)) : 0;
    return { from: this.#from, expired: expired + expiredInside, available: this.available, blocks: this.blocks };
  }
}

/** The first offset of a block that has not expired; its end when all have. */
const firstRetained = (block: Block, horizonMs: number): number =>
  block.storedFromMs >= horizonMs ? block.base : firstStoredAt(block, horizonMs);

/**
 * How many messages there were from `asked` up to `from`, where `block` is the first that is left. A restart goes to the next cap,
 * a multiple of CAP_STEP, so offsets behind the last such one were all written, up to the block, or to where the chain before it
 * ended if the block says so. What lies before that may never have been, and is not counted.
 */
function expiredBefore(block: Block, asked: number, from: number): number {
  const end = Math.min(block.chainBeforeEnd ?? from, from);
  const restart = Math.floor(Math.max(0, block.chainBeforeEnd === undefined ? end : end - 1) / CAP_STEP) * CAP_STEP;
  return Math.max(0, end - Math.max(asked, restart));
}
