import { type Block, isLive, isOpen, nextBase } from "./block.ts";
import {
  BLOCKS_PER_QUERY_MAX,
  CAP_STEP,
  SMALL_BLOCK_BYTES,
  SMALL_BLOCKS_PER_QUERY,
  UNKNOWN_BLOCKS_PER_QUERY,
} from "./log-limits.ts";
import { firstStoredAt } from "./slices.ts";

/**
 * Live blocks that follow one another without a gap; the first holds `from`. Some may be unreadable: their offsets count, and reading
 * them reports each.
 */
export interface Run {
  /** The requested offset, or the first live one behind it. Nothing is stored between the two any more. */
  readonly from: number;
  /**
   * Messages between the requested offset and `from`, as far as known: they have expired. Fewer than the distance if the chain was
   * restarted in between, because a restart skips offsets that nobody wrote.
   */
  readonly expired: number;
  /** Messages from `from` to the end of the last block; 0 if there are none yet. */
  readonly available: number;
  readonly blocks: readonly Block[];
  /** The next offset to be written, as it was when the run was read to the end of the queue; `undefined` if it was not. */
  readonly end?: number | undefined;
}

/** What is known of a queue: its end at least, and the size of its last seen block. */
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
 * comes again: it replaces what it was. A block of a segment may begin with messages of the one before. Store times never fall along a chain, so only the first block can have messages that have
 * expired, and they are its first.
 */
export class RunWalk {
  readonly blocks: Block[] = [];
  next: number;
  /** Messages per block, as last seen. It decides how many blocks to query. */
  density: number | undefined;
  /** Whether blocks are small, as last seen. */
  small = false;
  done = false;
  readonly #count: number;
  readonly #asked: number;
  readonly #horizonMs: number;
  #from: number;
  #end: number | undefined;

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

  /** How many blocks to query: one more if the first may lie before what is wanted. */
  queryLimit(start: number | undefined): number {
    const messages = this.#count - this.available;
    const blocks = this.density === undefined ? Math.min(messages, UNKNOWN_BLOCKS_PER_QUERY) : Math.ceil(messages / this.density);
    const missing = blocks + (start !== undefined && start < this.next ? 1 : 0);
    return Math.min(BLOCKS_PER_QUERY_MAX, this.small ? Math.max(SMALL_BLOCKS_PER_QUERY, missing) : missing);
  }

  take(block: Block | undefined): void {
    if (!block || this.done || nextBase(block) <= this.next) return;
    const last = this.blocks.at(-1);
    if (!last) {
      this.passed(firstRetained(block, this.#horizonMs));
      if (nextBase(block) <= this.next) return;
    } else if (block.base > this.next) {
      this.done = true;
      return;
    }
    // One that starts before `next` is the last one, grown; or one of a segment, where blocks may be joined: its first messages count once.
    if (block.base === last?.base) this.blocks.pop();
    this.blocks.push(block);
    this.next = nextBase(block);
    this.#learn(block);
    this.done = this.available >= this.#count;
  }

  #learn(block: Pick<Block, "count" | "bytes">): void {
    this.density = Math.max(1, block.count);
    this.small = block.bytes <= SMALL_BLOCK_BYTES;
  }

  /** Notes that a page found nothing live before `offset`: expired blocks fill pages too. */
  passed(offset: number): void {
    if (this.blocks.length === 0 && offset > this.next) {
      this.#from = offset;
      this.next = offset;
    }
  }

  /** Notes that no block follows `last`; `undefined`: none begins at `next` or behind it. */
  reachedEnd(last: Block | undefined, nowMs: number): void {
    if (!last) this.#end = this.blocks.length > 0 ? this.next : undefined;
    else if (isLive(last, nowMs)) this.#end = nextBase(last);
  }

  run(): Run {
    const [first] = this.blocks;
    const expired = first ? expiredBefore(first, this.#asked, Math.min(first.base, this.#from)) : 0;
    const expiredInside = first ? this.#from - Math.max(first.base, Math.min(this.#asked, this.#from)) : 0;
    return { from: this.#from, expired: expired + expiredInside, available: this.available, blocks: this.blocks, end: this.#end };
  }
}

/** The first offset of a block that has not expired; its end when all have. */
const firstRetained = (block: Block, horizonMs: number): number =>
  block.storedFromMs >= horizonMs ? block.base : firstStoredAt(block, horizonMs);

/**
 * How many messages there were from `asked` up to `from`, where `block` is the first live block. A restart begins at the next cap, a
 * multiple of CAP_STEP. So all offsets after the last such multiple were written, up to the block, or up to the end of the chain before
 * it if the block says so. Earlier offsets may never have been written, and are not counted.
 */
function expiredBefore(block: Block, asked: number, from: number): number {
  const end = Math.min(block.chainBeforeEnd ?? from, from);
  const restart = Math.floor(Math.max(0, block.chainBeforeEnd === undefined ? end : end - 1) / CAP_STEP) * CAP_STEP;
  return Math.max(0, end - Math.max(asked, restart));
}

/** Where the block that holds `offset` starts, as far as the run tells: behind a full block the next one does. It stays a valid hint. */
export function nextHint(run: Run, offset: number): number {
  let hint = run.blocks[0]?.base ?? run.from;
  for (const block of run.blocks) {
    if (block.base <= offset) hint = block.base;
    if (!isOpen(block) && nextBase(block) <= offset) hint = nextBase(block);
  }
  return hint;
}
