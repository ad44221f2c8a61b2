import { LRUCache } from "lru-cache";
import { growingTo } from "../store/growing-to.ts";
import { type Block, isOpen, nextBase } from "./block.ts";
import { BLOCK_CACHE_BYTES, QUEUE_ENDS_MAX } from "./log-limits.ts";
import type { Seen } from "./run-walk.ts";
import { SpanCache } from "./span-cache.ts";

/**
 * What this process knows of queues, each by its partition key: full blocks, which never change (16 MB), and where queues end. Stored
 * messages stay stored, so a known end never falls.
 *
 * A sole process makes every write itself. Once it has found nothing at an offset, there is nothing until it writes there: it does not look
 * again.
 */
export class KnownQueues {
  readonly full = new SpanCache<Block>(BLOCK_CACHE_BYTES, ({ bytes }) => bytes + 300);
  readonly #seen = new LRUCache<string, Seen>(growingTo(QUEUE_ENDS_MAX));
  /** In a sole process: nothing is stored at this offset, or behind it. */
  readonly #nothingFrom: LRUCache<string, number> | undefined;
  #writes = 0;

  constructor(soleProcess: boolean) {
    this.#nothingFrom = soleProcess ? new LRUCache<string, number>(growingTo(QUEUE_ENDS_MAX)) : undefined;
  }

  seen(pk: string): Seen | undefined {
    return this.#seen.get(pk);
  }

  /** The queue may reach further. */
  end(pk: string): number {
    return this.#seen.get(pk)?.end ?? 0;
  }

  saw(pk: string, block: Block): void {
    if (!isOpen(block) && block.damage === undefined) this.full.keep(pk, block);
    const end = nextBase(block);
    this.#seen.set(pk, { end: Math.max(end, this.end(pk)), count: block.count, bytes: block.bytes });
    const nothingFrom = this.#nothingFrom?.get(pk);
    if (nothingFrom !== undefined && end > nothingFrom) this.#nothingFrom?.set(pk, end);
  }

  /** This process wrote the block. */
  wrote(pk: string, block: Block): void {
    this.#writes++;
    this.saw(pk, block);
  }

  /** A write of this process failed, and may be stored none the less. */
  mayHaveGrown(pk: string): void {
    this.#writes++;
    this.#nothingFrom?.delete(pk);
  }

  /** How often this process has written, or may have. */
  get writes(): number {
    return this.#writes;
  }

  /** Whether nothing is stored at the offset, or behind it. */
  isOver(pk: string, offset: number): boolean {
    return offset >= (this.#nothingFrom?.get(pk) ?? Number.POSITIVE_INFINITY);
  }

  /**
   * A read that began after so many `writes` found no block behind `last`, or none from `asked` on. What was written meanwhile it may have
   * missed. Where a damaged block ends is not known.
   */
  foundEnd(pk: string, last: Block | undefined, asked: number, writes: number): void {
    if (last?.damage !== undefined || writes !== this.#writes) return;
    this.#nothingFrom?.set(pk, Math.max(asked, last ? nextBase(last) : 0, this.end(pk)));
  }
}
