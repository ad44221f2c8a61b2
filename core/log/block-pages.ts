import { offsetSk, skOffset } from "../keys.ts";
import type { Item, ItemStore, Key, QueryPage } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type Block, blockOf } from "./block.ts";
import { damagedBlock } from "./damaged-block.ts";

export interface BlockPage {
  /** By base, ascending. */
  readonly blocks: readonly Block[];
  /** There may be more behind the last. */
  readonly more: boolean;
}

/** The last block of a chain, and the last that can be read. */
export interface ChainEnd {
  readonly tail: Block | undefined;
  readonly readable: Block | undefined;
}

/** A block, or why it cannot be read. */
type Found = { readonly base: number; readonly block: Block } | { readonly base: number; readonly damage: string };

/**
 * Reads the blocks of chains by the page. An unreadable block is read once more, since it may have been garbled on the way. If it stays
 * unreadable, it takes its place among the others (`damaged-block.ts`), so nobody is stopped. Errors: `StoreUnavailable`.
 */
export class BlockPages {
  readonly #items: ItemStore;

  constructor(items: ItemStore) {
    this.#items = items;
  }

  /** The blocks from the first one at or after `from`. With `consistent` false, the latest writes may be missing. */
  async ascending(pk: string, from: number, limit: number, consistent = true): Promise<BlockPage> {
    const page = await this.#items.query({ pk, from: offsetSk(from), limit, consistent });
    const found = await this.#found(page);
    return { blocks: await this.#blocks(pk, found, page.more), more: page.more };
  }

  /** The first block of the chain. */
  async first(pk: string): Promise<Block | undefined> {
    return (await this.ascending(pk, 0, 1)).blocks[0];
  }

  /** The last block that starts at or before `offset`. */
  async atOrBefore(pk: string, offset: number): Promise<Block | undefined> {
    const found = await this.#found(await this.#items.query({ pk, to: offsetSk(offset), reverse: true, limit: 1 }));
    const last = found.at(-1);
    return last && (await this.#blocks(pk, [last], true))[0];
  }

  /** The end of the chain. With `consistent` false, the latest writes may be missing. */
  async end(pk: string, consistent = true): Promise<ChainEnd> {
    const page = await this.#items.query({ pk, reverse: true, limit: 1, consistent });
    const found = await this.#found(page);
    const [last] = await this.#blocks(pk, found.slice(-1), false);
    const readable = found.findLast((one) => "block" in one);
    return { tail: last, readable: readable && "block" in readable ? readable.block : undefined };
  }

  /** The blocks of a page by ascending base, whatever the order of the query. */
  async #found(page: QueryPage): Promise<readonly Found[]> {
    const { damaged = [] } = page;
    const found: Found[] = [];
    for (const item of page.items) {
      const one = foundIn(item);
      if ("block" in one) found.push(one);
      else found.push(...(await this.#again(item)));
    }
    for (const key of damaged) found.push(...(await this.#again(key)));
    return found.length > 1 ? found.sort((a, b) => a.base - b.base) : found;
  }

  /** Reads a block once more. Empty if it is gone by now. */
  async #again(key: Key): Promise<readonly Found[]> {
    try {
      const item = await this.#items.get({ pk: key.pk, sk: key.sk });
      return item ? [foundIn(item)] : [];
    } catch (error) {
      if (StoreCorrupt.is(error)) return [{ base: skOffset(key.sk), damage: error.message }];
      throw error;
    }
  }

  /** `more`: there may be a block behind the last one. */
  async #blocks(pk: string, found: readonly Found[], more: boolean): Promise<readonly Block[]> {
    const last = found.at(-1);
    let next = last && "damage" in last && more ? (await this.ascending(pk, last.base + 1, 1)).blocks[0] : undefined;
    const blocks: Block[] = [];
    for (const one of found.toReversed()) {
      next = "block" in one ? one.block : damagedBlock(one.base, next, one.damage);
      blocks.push(next);
    }
    return blocks.reverse();
  }
}

function foundIn(item: Item): Found {
  const base = skOffset(item.sk);
  try {
    return { base, block: blockOf(item) };
  } catch (error) {
    if (StoreCorrupt.is(error)) return { base, damage: error.message };
    throw error;
  }
}
