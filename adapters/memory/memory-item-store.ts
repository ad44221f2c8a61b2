import type { Item, ItemStore, Key, Query, QueryPage, ReadOptions, TransactResult, TransactWrite, WriteOptions, WriteResult } from "../../core/ports/item-store.ts";
import type { Telemetry } from "../../core/ports/telemetry.ts";
import { compareUtf8 } from "../items/attributes.ts";
import { holds } from "../items/condition.ts";
import { type Image, imageAfter, type Write } from "../items/image.ts";
import { checkBatchGet, checkKey, checkLimit, checkTransaction, writeKey } from "../items/limits.ts";
import { QueryPageBuilder } from "../items/query-page.ts";
import { readUnits, TRANSACTION_FACTOR, writeUnits } from "../items/units.ts";

/** One partition: its images in the order of their sort keys. */
interface Partition {
  readonly images: Image[];
}

/** The executable specification of the port: everything in memory, each call atomic, units as DynamoDB counts them. */
export class MemoryItemStore implements ItemStore {
  readonly #partitions = new Map<string, Partition>();
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  async get(key: Key, options: ReadOptions = {}): Promise<Item | undefined> {
    checkKey(key);
    const image = this.#find(key);
    this.#read("get", image?.bytes ?? 0, options.consistent ?? true);
    return image?.item;
  }

  async batchGet(keys: readonly Key[], options: ReadOptions = {}): Promise<readonly (Item | undefined)[]> {
    checkBatchGet(keys);
    const images = keys.map((key) => this.#find(key));
    const consistent = options.consistent ?? true;
    const units = images.reduce((sum, image) => sum + readUnits(image?.bytes ?? 0, consistent), 0);
    this.#consumed("batchGet", 0, units, images.reduce((sum, image) => sum + (image?.bytes ?? 0), 0));
    return images.map((image) => image?.item);
  }

  put(item: Item, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write("put", { kind: "put", item, when: options.when }, options);
  }

  update(key: Key, changes: Parameters<ItemStore["update"]>[1], options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write("update", { kind: "update", key, changes, when: options.when }, options);
  }

  delete(key: Key, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#write("delete", { kind: "delete", key, when: options.when }, options);
  }

  async query(query: Query): Promise<QueryPage> {
    checkLimit(query.limit);
    const builder = new QueryPageBuilder(query);
    const images = this.#partitions.get(query.pk)?.images ?? [];
    const from = query.from === undefined ? 0 : position(images, query.from).at;
    const to = query.to === undefined ? images.length : after(images, query.to);
    if (query.reverse) for (let at = to - 1; at >= from && !builder.full; at--) builder.offer(images[at] as Image);
    else for (let at = from; at < to && !builder.full; at++) builder.offer(images[at] as Image);
    this.#read("query", builder.bytes, query.consistent ?? true);
    return builder.page();
  }

  async transact(writes: readonly TransactWrite[]): Promise<TransactResult> {
    checkTransaction(writes);
    const befores = writes.map((write) => this.#find(writeKey(write)));
    const failures = writes.map((write, index) => {
      const before = befores[index];
      return holds(before?.item, write.when) ? undefined : { current: before?.item };
    });
    const failed = failures.some((failure) => failure !== undefined);
    const afters = failed ? befores : writes.map((write, index) => imageAfter(write, befores[index]));
    const sizes = writes.map((_, index) => Math.max(befores[index]?.bytes ?? 0, afters[index]?.bytes ?? 0));
    const units = sizes.reduce((sum, bytes) => sum + TRANSACTION_FACTOR * writeUnits(bytes), 0);
    this.#consumed("transact", units, 0, sizes.reduce((sum, bytes) => sum + bytes, 0));
    if (failed) return { ok: false, failures };
    for (const [index, write] of writes.entries()) this.#store(writeKey(write), afters[index]);
    return { ok: true };
  }

  async #write(operation: string, write: Write, { returning }: WriteOptions): Promise<WriteResult> {
    const key = writeKey(write as TransactWrite);
    checkKey(key);
    const before = this.#find(key);
    const ok = holds(before?.item, write.when);
    const image = ok ? imageAfter(write, before) : before;
    const bytes = Math.max(before?.bytes ?? 0, image?.bytes ?? 0);
    this.#consumed(operation, writeUnits(bytes), 0, bytes);
    if (!ok) return { ok, current: before?.item };
    this.#store(key, image);
    if (returning === "allOld") return { ok, item: before?.item };
    return returning === "allNew" ? { ok, item: image?.item } : { ok };
  }

  #find(key: Key): Image | undefined {
    const images = this.#partitions.get(key.pk)?.images ?? [];
    const { at, found } = position(images, key.sk);
    return found ? images[at] : undefined;
  }

  #store(key: Key, image: Image | undefined): void {
    let partition = this.#partitions.get(key.pk);
    if (!partition) {
      partition = { images: [] };
      this.#partitions.set(key.pk, partition);
    }
    const { at, found } = position(partition.images, key.sk);
    partition.images.splice(at, found ? 1 : 0, ...(image ? [image] : []));
    if (partition.images.length === 0) this.#partitions.delete(key.pk);
  }

  #read(operation: string, bytes: number, consistent: boolean): void {
    this.#consumed(operation, 0, readUnits(bytes, consistent), bytes);
  }

  #consumed(operation: string, write: number, read: number, bytes: number): void {
    this.#telemetry.consumed({ store: "items", operation, writeUnits: write, readUnits: read, requests: 1, bytes });
  }
}

/** Where `sk` is, or would go. */
function position(images: readonly Image[], sk: string): { readonly at: number; readonly found: boolean } {
  let low = 0;
  let high = images.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareUtf8((images[middle] as Image).item.sk, sk);
    if (order === 0) return { at: middle, found: true };
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return { at: low, found: false };
}

function after(images: readonly Image[], sk: string): number {
  const { at, found } = position(images, sk);
  return found ? at + 1 : at;
}
