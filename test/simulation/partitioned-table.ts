import { itemSize } from "../../adapters/items/item-size.ts";
import { TRANSACTION_FACTOR, writeUnits } from "../../adapters/items/units.ts";
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

export interface PartitionLimits {
  /** Write units a second of one partition key. Units unused for a second may be used later. */
  readonly unitsPerSecond: number;
  /** A page of a query ends by its bytes. */
  readonly pageBytesMax: number;
  /** The time of a call that touches this partition; 0 for most. */
  readonly slowMs: (pk: string) => number;
}

/** Timers, queues, half messages: the partitions that many write to at once. */
const LIMITED = /^[tqx]#/;

/**
 * A table whose partitions differ: each takes a limited number of write units a second, and some are slow. As in DynamoDB, a write is
 * let in while its partition has any units left. A refused write is `not-applied`; units that a cancelled transaction took are used up.
 */
export class PartitionedTable implements ItemStore {
  readonly #inner: ItemStore;
  readonly #world: World;
  readonly #limits: PartitionLimits;
  readonly #left = new Map<string, { units: number; atMs: number }>();
  /** How many writes were refused. A run without any proves nothing about them. */
  throttled = 0;

  constructor(inner: ItemStore, world: World, limits: PartitionLimits) {
    this.#inner = inner;
    this.#world = world;
    this.#limits = limits;
  }

  get(key: Key): Promise<Item | undefined> {
    return this.#reach([key.pk], () => this.#inner.get(key));
  }

  batchGet(keys: readonly Key[]): Promise<readonly (Item | undefined)[]> {
    return this.#reach(
      keys.map(({ pk }) => pk),
      () => this.#inner.batchGet(keys),
    );
  }

  query(query: Query): Promise<QueryPage> {
    return this.#reach([query.pk], async () => {
      const page = await this.#inner.query(query);
      let bytes = 0;
      const end = page.items.findIndex((item, index) => {
        bytes += itemSize(item);
        return index > 0 && bytes > this.#limits.pageBytesMax;
      });
      return end < 0 ? page : { items: page.items.slice(0, end), more: true };
    });
  }

  put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(item, item, () => this.#inner.put(item, options));
  }

  update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#write(key, undefined, () => this.#inner.update(key, changes, options));
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(key, undefined, () => this.#inner.delete(key, options));
  }

  transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    const keys = writes.map((write) => (write.kind === "put" ? write.item : write.key));
    return this.#reach(
      keys.map(({ pk }) => pk),
      async () => {
        for (const [at, write] of writes.entries())
          await this.#admit(keys[at] as Key, write.kind === "put" ? write.item : undefined, TRANSACTION_FACTOR);
        return this.#inner.transact(writes);
      },
    );
  }

  #write(key: Key, after: Item | undefined, apply: () => Promise<WriteResult>): Promise<WriteResult> {
    return this.#reach([key.pk], async () => {
      await this.#admit(key, after, 1);
      return apply();
    });
  }

  /** A call there and back. */
  async #reach<T>(pks: readonly string[], apply: () => Promise<T>): Promise<T> {
    const slowMs = Math.max(...pks.map(this.#limits.slowMs));
    if (slowMs === 0) return apply();
    await this.#world.sleep(slowMs / 2);
    const result = await apply();
    await this.#world.sleep(slowMs / 2);
    return result;
  }

  async #admit({ pk, sk }: Key, after: Item | undefined, factor: number): Promise<void> {
    if (!LIMITED.test(pk)) return;
    const before = await this.#inner.get({ pk, sk });
    const bytes = Math.max(before ? itemSize(before) : 0, after ? itemSize(after) : 0);
    const { nowMs } = this.#world;
    const { unitsPerSecond } = this.#limits;
    const last = this.#left.get(pk) ?? { units: unitsPerSecond, atMs: nowMs };
    const units = Math.min(unitsPerSecond, last.units + ((nowMs - last.atMs) / 1_000) * unitsPerSecond);
    this.#left.set(pk, { units, atMs: nowMs });
    if (units <= 0) {
      this.throttled++;
      throw new StoreUnavailable("not-applied", "throttled", "the partition's throughput is used up");
    }
    this.#left.set(pk, { units: units - factor * writeUnits(bytes), atMs: nowMs });
  }
}
