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
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { compareUtf8 } from "../items/attributes.ts";
import { holds } from "../items/condition.ts";
import { type Image, imageAfter, type Write } from "../items/image.ts";
import { checkBatchGet, checkKey, checkLimit, checkPk, checkTransaction, writeKey } from "../items/limits.ts";
import { QueryPageBuilder } from "../items/query-page.ts";
import { readUnits, TRANSACTION_FACTOR, writeUnits } from "../items/units.ts";
import type { Telemetry } from "../telemetry.ts";

interface Use {
  writeUnits: number;
  readUnits: number;
  bytes: number;
}

/** Items of one `pk`, by `sk`, and their `sk`s in order. */
interface Partition {
  readonly images: Map<string, Image>;
  readonly order: string[];
}

/**
 * The item store's executable specification: the other stores must answer, refuse and consume alike. A call takes effect before it
 * returns its promise, in the order of the calls. Items that it hands out are frozen; items passed in are copied.
 */
export class MemoryItemStore implements ItemStore {
  readonly #telemetry: Telemetry | undefined;
  readonly #partitions = new Map<string, Partition>();
  /** Images that are damaged. */
  readonly #damaged = new WeakSet<Image>();

  constructor(telemetry?: Telemetry) {
    this.#telemetry = telemetry;
  }

  /** Makes an item unreadable, as a disk may. A put or delete without conditions mends it. */
  damage(key: Key): void {
    const image = this.#partitions.get(key.pk)?.images.get(key.sk);
    if (image) this.#damaged.add(image);
  }

  async get(key: Key, options?: ReadOptions): Promise<Item | undefined> {
    return this.#metered("get", (use) => {
      checkKey(key);
      return this.#read(key, options?.consistent ?? true, use);
    });
  }

  async batchGet(keys: readonly Key[], options?: ReadOptions): Promise<readonly (Item | undefined)[]> {
    return this.#metered("batchGet", (use) => {
      checkBatchGet(keys);
      return keys.map((key) => this.#read(key, options?.consistent ?? true, use));
    });
  }

  async put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#metered("put", (use) => this.#write({ kind: "put", item, when: options?.when }, options, use));
  }

  async update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#metered("update", (use) => this.#write({ kind: "update", key, changes, when: options?.when }, options, use));
  }

  async delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#metered("delete", (use) => this.#write({ kind: "delete", key, when: options?.when }, options, use));
  }

  async query(query: Query): Promise<QueryPage> {
    return this.#metered("query", (use) => {
      checkPk(query.pk);
      checkLimit(query.limit);
      const page = new QueryPageBuilder(query);
      const { images, order } = this.#partitions.get(query.pk) ?? { images: new Map<string, Image>(), order: [] };
      const start = query.from === undefined ? 0 : lowerBound(order, query.from);
      const end = query.to === undefined ? order.length : upperBound(order, query.to);
      for (let step = 0; step < end - start && !page.full; step++) {
        const image = images.get(order[query.reverse === true ? end - 1 - step : start + step] as string) as Image;
        if (this.#damaged.has(image)) page.skip({ pk: image.item.pk, sk: image.item.sk });
        else page.offer(image);
      }
      use.bytes = page.bytes;
      use.readUnits = readUnits(page.bytes, query.consistent ?? true);
      return page.page();
    });
  }

  async transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    return this.#metered("transact", (use): TransactResult => {
      checkTransaction(writes);
      const befores = writes.map((write) => this.#before(write));
      const held = writes.map((write, at) => holds(befores[at]?.item, write.when));
      const applies = held.every((ok) => ok);
      const afters = applies ? writes.map((write, at) => imageAfter(write, befores[at])) : befores;
      for (const [at, write] of writes.entries()) {
        charge(use, befores[at], afters[at], TRANSACTION_FACTOR);
        if (applies) this.#store(writeKey(write), befores[at], afters[at]);
      }
      if (applies) return { ok: true };
      return { ok: false, failures: held.map((ok, at) => (ok ? undefined : { current: befores[at]?.item })) };
    });
  }

  #read(key: Key, consistent: boolean, use: Use): Item | undefined {
    const image = this.#find(key);
    use.bytes += image?.bytes ?? 0;
    use.readUnits += readUnits(image?.bytes ?? 0, consistent);
    return image?.item;
  }

  #write(write: Write, options: WriteOptions | undefined, use: Use): WriteResult {
    const key = writeKey(write);
    checkKey(key);
    const before = this.#before(write);
    if (!holds(before?.item, write.when)) {
      charge(use, before, before, 1);
      return { ok: false, current: before?.item };
    }
    const after = imageAfter(write, before);
    charge(use, before, after, 1);
    this.#store(key, before, after);
    if (options?.returning === "allOld") return { ok: true, item: before?.item };
    return options?.returning === "allNew" ? { ok: true, item: after?.item } : { ok: true };
  }

  /** Errors: `StoreCorrupt`. */
  #find({ pk, sk }: Key): Image | undefined {
    const image = this.#partitions.get(pk)?.images.get(sk);
    if (image && this.#damaged.has(image)) throw new StoreCorrupt(`item ${pk} ${sk} is damaged`, { key: { pk, sk } });
    return image;
  }

  /** The item that a write meets. A put or delete without conditions need not read it. Errors: `StoreCorrupt`. */
  #before(write: Write | TransactWrite): Image | undefined {
    const { pk, sk } = writeKey(write);
    const blind = (write.kind === "put" || write.kind === "delete") && (write.when ?? []).length === 0;
    return blind ? this.#partitions.get(pk)?.images.get(sk) : this.#find({ pk, sk });
  }

  #store({ pk, sk }: Key, before: Image | undefined, after: Image | undefined): void {
    if (before === after) return;
    let partition = this.#partitions.get(pk);
    if (partition === undefined) {
      partition = { images: new Map(), order: [] };
      this.#partitions.set(pk, partition);
    }
    const { images, order } = partition;
    if (before === undefined) order.splice(lowerBound(order, sk), 0, sk);
    if (after !== undefined) {
      Object.freeze(after.item);
      images.set(sk, after);
      return;
    }
    order.splice(lowerBound(order, sk), 1);
    images.delete(sk);
    if (images.size === 0) this.#partitions.delete(pk);
  }

  #metered<T>(operation: string, run: (use: Use) => T): T {
    const use: Use = { writeUnits: 0, readUnits: 0, bytes: 0 };
    try {
      return run(use);
    } finally {
      this.#telemetry?.consumed({ store: "items", operation, ...use, requests: 1 });
    }
  }
}

function charge(use: Use, before: Image | undefined, after: Image | undefined, factor: number): void {
  const bytes = Math.max(before?.bytes ?? 0, after?.bytes ?? 0);
  use.bytes += bytes;
  use.writeUnits += factor * writeUnits(bytes);
}

/** Where the first key at or after `bound` stands. */
function lowerBound(order: readonly string[], bound: string): number {
  return partitionPoint(order, (sk) => compareUtf8(sk, bound) < 0);
}

/** Where the first key after `bound` stands. */
function upperBound(order: readonly string[], bound: string): number {
  return partitionPoint(order, (sk) => compareUtf8(sk, bound) <= 0);
}

function partitionPoint(order: readonly string[], before: (sk: string) => boolean): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (before(order[middle] as string)) low = middle + 1;
    else high = middle;
  }
  return low;
}
