import { itemSize } from "../../adapters/items/item-size.ts";
import { readUnits, TRANSACTION_FACTOR, writeUnits } from "../../adapters/items/units.ts";
import type { Item, ItemStore, Key, TransactWrite } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { World } from "../../test/simulation/world.ts";
import { PartitionUnits } from "./partition-units.ts";

/** The time of a call to the table, there and back. */
const CALL_MS = { least: 5, most: 8 } as const;
/** As in the adapter: a throttled read is sent again. */
const READ_ATTEMPTS_MAX = 3;
const READ_BACKOFF_MS = 25;

/** Requests to the table, and the units that they took. */
export interface TableUse {
  queries: number;
  itemsRead: number;
  readUnits: number;
  writeUnits: number;
  /** The part of the units that the keys of timers took. */
  timerUnits: number;
  transactions: number;
  /** Units of transactions that a condition refused. */
  refusedUnits: number;
  /** Calls that were refused because a key had no units left. */
  throttled: number;
}

export interface TableOptions {
  /** How much longer some transactions take. */
  readonly slowMs?: ((writes: readonly TransactWrite[]) => number) | undefined;
  /** Told of each applied transaction. */
  readonly onTransacted?: ((writes: readonly TransactWrite[]) => void) | undefined;
  /** Told of each applied delete outside transactions. */
  readonly onDeleted?: ((key: Key) => void) | undefined;
}

/** A table like DynamoDB's over a network: calls take time, and each key takes a limited number of units a second. */
export class BusyTable {
  readonly use: TableUse = {
    queries: 0,
    itemsRead: 0,
    readUnits: 0,
    writeUnits: 0,
    timerUnits: 0,
    transactions: 0,
    refusedUnits: 0,
    throttled: 0,
  };
  readonly #world: World;
  readonly #inner: ItemStore;
  readonly #options: TableOptions;
  readonly #units = new PartitionUnits();

  constructor(world: World, inner: ItemStore, options: TableOptions = {}) {
    this.#world = world;
    this.#inner = inner;
    this.#options = options;
  }

  /** The table as one process sees it. */
  store(): ItemStore {
    const inner = this.#inner;
    return {
      get: (key, options) => this.#read(key.pk, () => inner.get(key, options), sizeOfItem),
      batchGet: (keys, options) => this.#read(keys[0]?.pk ?? "", () => inner.batchGet(keys, options), sizeOfItems),
      query: (query) =>
        this.#read(
          query.pk,
          () => inner.query(query),
          ({ items }) => {
            this.use.queries++;
            this.use.itemsRead += items.length;
            return sizeOfItems(items);
          },
        ),
      put: (item, options) => this.#write(item, item, () => inner.put(item, options)),
      update: (key, changes, options) => this.#write(key, undefined, () => inner.update(key, changes, options)),
      delete: (key, options) =>
        this.#write(key, undefined, async () => {
          const result = await inner.delete(key, options);
          if (result.ok) this.#options.onDeleted?.(key);
          return result;
        }),
      transact: (writes, options) => this.#transact(writes, () => inner.transact(writes, options)),
    };
  }

  async #read<T>(pk: string, read: () => Promise<T>, bytesOf: (answer: T) => number): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      await this.#half();
      const answer = await read();
      const units = readUnits(bytesOf(answer), true);
      const isLetIn = this.#units.takeRead(pk, units, this.#world.nowMs);
      await this.#half();
      if (isLetIn) {
        this.use.readUnits += units;
        return answer;
      }
      this.use.throttled++;
      if (attempts >= READ_ATTEMPTS_MAX) throw throttled(pk);
      await this.#world.sleep(READ_BACKOFF_MS * 2 ** (attempts - 1) * this.#world.random.fraction());
    }
  }

  async #write<T>(key: Key, next: Item | undefined, write: () => Promise<T>): Promise<T> {
    await this.#half();
    const isLetIn = (await this.#takeWrite(key, next, 1)) > 0;
    const answer = isLetIn ? await write() : undefined;
    await this.#half();
    if (answer === undefined) throw this.#throttled(key.pk);
    return answer;
  }

  /** All or nothing. If one write is not let in, the writes let in before it have used up their units. */
  async #transact<T extends { readonly ok: boolean }>(writes: readonly TransactWrite[], write: () => Promise<T>): Promise<T> {
    const { slowMs, onTransacted } = this.#options;
    await this.#half();
    this.use.transactions++;
    let units = 0;
    let refused: string | undefined;
    for (const one of writes) {
      const key = one.kind === "put" ? one.item : one.key;
      const next = one.kind === "put" ? one.item : undefined;
      const taken = await this.#takeWrite(key, next, TRANSACTION_FACTOR);
      units += taken;
      if (taken > 0) continue;
      refused = key.pk;
      break;
    }
    const answer = refused === undefined ? await write() : undefined;
    if (answer?.ok) onTransacted?.(writes);
    else if (answer) this.use.refusedUnits += units;
    await this.#world.sleep(slowMs?.(writes) ?? 0);
    await this.#half();
    if (answer === undefined) throw this.#throttled(refused ?? "");
    return answer;
  }

  /** Answers how many units; 0: it was not let in. */
  async #takeWrite(key: Key, next: Item | undefined, factor: number): Promise<number> {
    const before = await this.#inner.get(key);
    const bytes = Math.max(before ? itemSize(before) : 0, next ? itemSize(next) : 0);
    const units = factor * writeUnits(bytes);
    const isLetIn = this.#units.takeWrite(key.pk, units, this.#world.nowMs);
    if (!isLetIn) return 0;
    this.use.writeUnits += units;
    if (key.pk.startsWith("t#")) this.use.timerUnits += units;
    return units;
  }

  #throttled(pk: string): StoreUnavailable {
    this.use.throttled++;
    return throttled(pk);
  }

  #half(): Promise<void> {
    const { least, most } = CALL_MS;
    return this.#world.sleep((least + this.#world.random.fraction() * (most - least)) / 2);
  }
}

const throttled = (pk: string): StoreUnavailable =>
  new StoreUnavailable("not-applied", "throttled", `the units of ${pk} are used up`);
const sizeOfItem = (item: Item | undefined): number => (item ? itemSize(item) : 0);
const sizeOfItems = (items: readonly (Item | undefined)[]): number => items.reduce((bytes, item) => bytes + sizeOfItem(item), 0);
