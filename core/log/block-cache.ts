import { LRUCache } from "lru-cache";
import { type Block, nextBase } from "./block.ts";
import { BLOCK_CACHE_BYTES } from "./log-limits.ts";

/** The full blocks that were last read or written, up to 16 MB, found by any offset that they hold. */
export class BlockCache {
  /** The kept blocks of each chain, by base ascending. */
  readonly #chains = new Map<string, Block[]>();
  readonly #recent = new LRUCache<Block, string>({
    maxSize: BLOCK_CACHE_BYTES,
    sizeCalculation: (_pk, block) => block.bytes + 300,
    dispose: (pk, block) => this.#drop(pk, block),
  });

  keep(pk: string, block: Block): void {
    const chain = this.#chains.get(pk) ?? [];
    const at = countUpTo(chain, block.base);
    const known = chain[at - 1];
    if (known?.base === block.base) return;
    chain.splice(at, 0, block);
    this.#chains.set(pk, chain);
    this.#recent.set(block, pk);
  }

  /** The block that holds the offset. */
  at(pk: string, offset: number): Block | undefined {
    const chain = this.#chains.get(pk) ?? [];
    const block = chain[countUpTo(chain, offset) - 1];
    if (!block || nextBase(block) <= offset) return undefined;
    this.#recent.get(block);
    return block;
  }

  /** Drops the block that starts at `base`. */
  forget(pk: string, base: number): void {
    const chain = this.#chains.get(pk) ?? [];
    const block = chain[countUpTo(chain, base) - 1];
    if (block?.base === base) this.#recent.delete(block);
  }

  #drop(pk: string, block: Block): void {
    const chain = this.#chains.get(pk) ?? [];
    chain.splice(countUpTo(chain, block.base) - 1, 1);
    if (chain.length === 0) this.#chains.delete(pk);
  }
}

/** How many blocks of a chain start at or before the offset. */
function countUpTo(chain: readonly Block[], offset: number): number {
  let low = 0;
  for (let high = chain.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((chain[middle] as Block).base <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
