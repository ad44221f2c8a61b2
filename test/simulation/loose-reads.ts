import type {
  Change,
  Item,
  ItemStore,
  Key,
  Query,
  QueryPage,
  ReadOptions,
  TransactResult,
  TransactWrite,
  WriteOptions,
  WriteResult,
} from "../../core/ports/item-store.ts";
import type { Looseness } from "./fault-profile.ts";
import type { World } from "./world.ts";

const TEAR_MS_MAX = 40;
/** Only short pages are read as of an earlier time: recent writes are hardly ever more. */
const AS_OF_LIMIT_MAX = 32;
/** Appended to a key, gives the next possible key. */
const AFTER = "\u0000";

interface Version {
  /** When it was replaced. */
  readonly untilMs: number;
  readonly item: Item | undefined;
}

/** Reads as from a table of replicas: a page is no snapshot, and eventually consistent reads may be old. Writes are exact. */
export class LooseReads implements ItemStore {
  readonly #inner: ItemStore;
  readonly #world: World;
  readonly #looseness: Looseness;
  readonly #versions = new Map<string, Version[]>();

  constructor(inner: ItemStore, world: World, looseness: Looseness) {
    this.#inner = inner;
    this.#world = world;
    this.#looseness = looseness;
  }

  async get(key: Key, options?: ReadOptions): Promise<Item | undefined> {
    const item = await this.#inner.get(key, options);
    return options?.consistent === false ? this.#asOf(key, this.#someTimeAgo(), item) : item;
  }

  async batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]> {
    const items = await this.#inner.batchGet(keys, options);
    if (options?.consistent !== false) return items;
    const sinceMs = this.#someTimeAgo();
    return keys.map((key, index) => this.#asOf(key, sinceMs, items[index]));
  }

  async query(query: Query): Promise<QueryPage> {
    const page = await this.#queryTorn(query);
    return query.consistent === false ? this.#pageAsOf(query, page) : page;
  }

  /** Replaces items that did not exist yet by those that an old replica has: the last item is then another. */
  async #pageAsOf(query: Query, page: QueryPage): Promise<QueryPage> {
    const together = this.#someTimeAgo();
    const asOf = (item: Item) => this.#asOf(item, this.#looseness.mixed ? this.#someTimeAgo() : together, item);
    const items = page.items.map(asOf).filter((item) => item !== undefined);
    const missing = page.items.length - items.length;
    if (missing === 0 || !page.more || query.limit > AS_OF_LIMIT_MAX) return { ...page, items: items.slice(0, query.limit) };
    const limit = query.limit + AS_OF_LIMIT_MAX;
    const longer = await this.#inner.query({ ...query, limit });
    const shown = longer.items.map(asOf).filter((item) => item !== undefined);
    return { ...longer, items: shown.slice(0, query.limit), more: longer.more || shown.length > query.limit };
  }

  put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#keeping([item], () => this.#inner.put(item, options));
  }

  update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#keeping([key], () => this.#inner.update(key, changes, options));
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#keeping([key], () => this.#inner.delete(key, options));
  }

  transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    const keys = writes.map((write) => (write.kind === "put" ? write.item : write.key));
    return this.#keeping(keys, () => this.#inner.transact(writes));
  }

  async #queryTorn(query: Query): Promise<QueryPage> {
    const { random } = this.#world;
    if (query.limit < 2 || query.reverse || !random.chance(this.#looseness.torn)) return this.#inner.query(query);
    const first = await this.#inner.query({ ...query, limit: random.integer(1, Math.min(query.limit - 1, 4)) });
    const last = first.items.at(-1);
    if (!first.more || !last) return first;
    await this.#world.sleep(random.integer(1, TEAR_MS_MAX));
    const left = query.limit - first.items.length;
    const second = await this.#inner.query({ ...query, from: last.sk + AFTER, limit: left });
    return { items: [...first.items, ...second.items], more: second.more };
  }

  /** Keeps the earlier items, which an old replica still answers. */
  async #keeping<T>(keys: readonly Key[], write: () => Promise<T>): Promise<T> {
    if (this.#looseness.staleMsMax === 0) return write();
    const before = Promise.all(keys.map((key) => this.#inner.get(key)));
    const result = await write();
    const untilMs = this.#world.nowMs;
    for (const [index, item] of (await before).entries()) {
      const name = nameOf(keys[index] as Key);
      const kept = (this.#versions.get(name) ?? []).filter((one) => one.untilMs > untilMs - this.#looseness.staleMsMax);
      this.#versions.set(name, [...kept, { untilMs, item }]);
    }
    return result;
  }

  #someTimeAgo(): number {
    return this.#world.nowMs - this.#world.random.integer(0, this.#looseness.staleMsMax);
  }

  #asOf(key: Key, sinceMs: number, current: Item | undefined): Item | undefined {
    const old = this.#versions.get(nameOf(key))?.find(({ untilMs }) => untilMs > sinceMs);
    return old ? old.item : current;
  }
}

const nameOf = ({ pk, sk }: Key): string => `${pk}\u0000${sk}`;
