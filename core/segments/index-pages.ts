import { offsetSk, skOffset } from "../keys.ts";
import type { Item, ItemStore, Key, QueryPage } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type IndexEntry, indexEntryOf } from "./index-item.ts";

/** An index item, or one that cannot be read: it has no pages then, and ends where the next one begins, if there is one. */
export type FoundEntry = IndexEntry & { readonly damage?: string | undefined };

export interface EntryPage {
  /** By base, ascending. */
  readonly spans: readonly FoundEntry[];
  /** There may be more behind the last. */
  readonly more: boolean;
}

/**
 * Reads the index of queues by the page. An item that cannot be read is read once more, and then takes its place among the others: its
 * messages are not lost in silence. Errors: `StoreUnavailable`.
 */
export class IndexPages {
  readonly #items: ItemStore;

  constructor(items: ItemStore) {
    this.#items = items;
  }

  /** The entries from the first one at or after `from`. */
  async ascending(pk: string, from: number, limit: number): Promise<EntryPage> {
    const page = await this.#items.query({ pk, from: offsetSk(from), limit });
    return { spans: await this.#entries(pk, page), more: page.more };
  }

  /** The last entry that starts at or before `offset`. */
  async atOrBefore(pk: string, offset: number, consistent = true): Promise<FoundEntry | undefined> {
    const page = await this.#items.query({ pk, to: offsetSk(offset), reverse: true, limit: 1, consistent });
    return (await this.#entries(pk, page)).at(-1);
  }

  async last(pk: string): Promise<FoundEntry | undefined> {
    return (await this.#entries(pk, await this.#items.query({ pk, reverse: true, limit: 1 }))).at(-1);
  }

  async #entries(pk: string, { items, damaged = [] }: QueryPage): Promise<readonly FoundEntry[]> {
    const entries: FoundEntry[] = [];
    for (const item of items) {
      const entry = readable(item);
      const found = entry ?? (await this.#again(pk, item));
      if (found) entries.push(found);
    }
    for (const key of damaged) {
      const found = await this.#again(pk, key);
      if (found) entries.push(found);
    }
    return entries.length > 1 ? entries.sort((one, other) => one.base - other.base) : entries;
  }

  /** Reads an item once more; `undefined` if it is gone by now. */
  async #again(pk: string, { sk }: Key): Promise<FoundEntry | undefined> {
    try {
      const item = await this.#items.get({ pk, sk });
      return item && indexEntryOf(item);
    } catch (error) {
      if (!StoreCorrupt.is(error)) throw error;
      return damagedEntry(skOffset(sk), (await this.ascending(pk, skOffset(sk) + 1, 1)).spans[0], error.message);
    }
  }
}

function readable(item: Item): IndexEntry | undefined {
  try {
    return indexEntryOf(item);
  } catch (error) {
    if (StoreCorrupt.is(error)) return undefined;
    throw error;
  }
}

/** Times and lives never fall along an index, so the next entry's are upper limits of this one's. */
function damagedEntry(base: number, next: IndexEntry | undefined, damage: string): FoundEntry {
  return {
    base,
    count: next ? next.base - base : Number.MAX_SAFE_INTEGER - base,
    objectKey: "",
    storedFromMs: next?.storedFromMs ?? Number.POSITIVE_INFINITY,
    storedUntilMs: next?.storedFromMs ?? Number.POSITIVE_INFINITY,
    pages: [],
    expiresAtSeconds: next?.expiresAtSeconds ?? Number.POSITIVE_INFINITY,
    damage,
  };
}
