import { itemSize } from "../../adapters/items/item-size.ts";
import { writeUnits } from "../../adapters/items/units.ts";
import type {
  Change,
  Item,
  ItemStore,
  Key,
  Query,
  QueryPage,
  TransactResult,
  TransactWrite,
  WriteOptions,
  WriteResult,
} from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { World } from "./world.ts";

/** DynamoDB's limits, scaled to a workload of a few messages a second: 1,000 write units and 1 MB there. */
const PARTITION_WRITE_UNITS_PER_SECOND = 8;
const BURST_SECONDS = 2;
const PAGE_BYTES_MAX = 1_500;
/** A transaction prepares and commits. In between its items are locked. */
const TRANSACTION_MS_MAX = 30;

/** How often each limit was met. A run that meets none proves nothing. */
export interface Met {
  conflicts: number;
  throttled: number;
  cutPages: number;
  /** Claims that moved out of their item. */
  movedOut: number;
  /** Writes of backlogs: messages of message groups that wait outside their item. */
  backlogged: number;
}

/**
 * Makes a store behave as DynamoDB does under load: a partition has a throughput, a write that meets a running transaction is
 * refused, two transactions on one item cancel each other, and a page ends by its bytes. All of it is `not-applied`.
 */
export class DynamoDbShape implements ItemStore {
  readonly #inner: ItemStore;
  readonly #world: World;
  readonly #met: Met;
  readonly #locked = new Set<string>();
  readonly #partitions = new Map<string, { units: number; atMs: number }>();
  /** True at the calm end: the final checks are not throttled. */
  calm = false;

  constructor(inner: ItemStore, world: World, met: Met) {
    this.#inner = inner;
    this.#world = world;
    this.#met = met;
  }

  get(key: Key): Promise<Item | undefined> {
    return this.#inner.get(key);
  }

  batchGet(keys: readonly Key[]): Promise<readonly (Item | undefined)[]> {
    return this.#inner.batchGet(keys);
  }

  async put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    this.#admit(item, itemSize(item));
    return this.#inner.put(item, options);
  }

  async update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    this.#admit(key);
    return this.#inner.update(key, changes, options);
  }

  async delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    this.#admit(key);
    return this.#inner.delete(key, options);
  }

  async query(query: Query): Promise<QueryPage> {
    const page = await this.#inner.query(query);
    let bytes = 0;
    const end = page.items.findIndex((item, index) => {
      bytes += itemSize(item);
      return index > 0 && bytes > PAGE_BYTES_MAX;
    });
    if (end < 0) return page;
    this.#met.cutPages++;
    return { items: page.items.slice(0, end), more: true };
  }

  async transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    const keys = writes.map((write) => (write.kind === "put" ? write.item : write.key));
    for (const key of keys) this.#admit(key);
    for (const key of keys) this.#locked.add(nameOf(key));
    try {
      await this.#world.sleep(this.#world.random.integer(1, TRANSACTION_MS_MAX));
      return await this.#inner.transact(writes);
    } finally {
      for (const key of keys) this.#locked.delete(nameOf(key));
    }
  }

  #admit(key: Key, bytes = 0): void {
    if (this.#locked.has(nameOf(key))) {
      this.#met.conflicts++;
      throw new StoreUnavailable("not-applied", "conflict", "a transaction is running on the item");
    }
    const { nowMs } = this.#world;
    const most = PARTITION_WRITE_UNITS_PER_SECOND * BURST_SECONDS;
    const before = this.#partitions.get(key.pk) ?? { units: most, atMs: nowMs };
    const refilled = before.units + ((nowMs - before.atMs) / 1_000) * PARTITION_WRITE_UNITS_PER_SECOND;
    const left = Math.min(most, refilled) - writeUnits(bytes);
    if (left < 0 && !this.calm) {
      this.#met.throttled++;
      throw new StoreUnavailable("not-applied", "throttled", "the partition's throughput is used up");
    }
    this.#partitions.set(key.pk, { units: left, atMs: nowMs });
  }
}

const nameOf = ({ pk, sk }: Key): string => `${pk}\0${sk}`;
