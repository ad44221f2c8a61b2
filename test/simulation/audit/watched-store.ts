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
} from "../../../core/ports/item-store.ts";

/** An item before and after one write. */
export interface Changed {
  readonly key: Key;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
}

/** Told of every write, in the order in which they took effect. What one transaction wrote comes together. */
export interface Watcher {
  wants(key: Key): boolean;
  changed(items: readonly Changed[]): Promise<void>;
  /** A write of such items was refused. */
  refused(keys: readonly Key[]): void;
}

/** The store as it really is, with somebody who sees every write of it. The store inside takes effect as it is called. */
export class WatchedStore implements ItemStore {
  readonly #inner: ItemStore;
  watcher: Watcher | undefined;
  #told: Promise<void> = Promise.resolve();

  constructor(inner: ItemStore) {
    this.#inner = inner;
  }

  get(key: Key, options?: ReadOptions): Promise<Item | undefined> {
    return this.#inner.get(key, options);
  }

  batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]> {
    return this.#inner.batchGet(keys, options);
  }

  query(query: Query): Promise<QueryPage> {
    return this.#inner.query(query);
  }

  put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#watching([item], () => this.#inner.put(item, options));
  }

  update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#watching([key], () => this.#inner.update(key, changes, options));
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#watching([key], () => this.#inner.delete(key, options));
  }

  transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    const keys = writes.map((write) => (write.kind === "put" ? write.item : write.key));
    return this.#watching(keys, () => this.#inner.transact(writes));
  }

  async #watching<T extends { readonly ok: boolean }>(written: readonly Key[], write: () => Promise<T>): Promise<T> {
    const { watcher } = this;
    const keys = watcher ? written.filter((key) => watcher.wants(key)) : [];
    if (!watcher || keys.length === 0) return write();
    const before = Promise.all(keys.map((key) => this.#inner.get(key)));
    const writing = write();
    const after = Promise.all(keys.map((key) => this.#inner.get(key)));
    const told = this.#told.then(async () => {
      if (!(await writing).ok) return watcher.refused(keys);
      const [earlier, later] = [await before, await after];
      await watcher.changed(keys.map(({ pk, sk }, index) => ({ key: { pk, sk }, before: earlier[index], after: later[index] })));
    });
    this.#told = told.catch(() => undefined);
    await told;
    return writing;
  }
}
