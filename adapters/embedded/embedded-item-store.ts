import type {
  Change,
  Item,
  ItemStore,
  Key,
  Query,
  QueryPage,
  TransactOptions,
  TransactResult,
  TransactWrite,
  WriteOptions,
  WriteResult,
} from "../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { holds } from "../items/condition.ts";
import { type Image, imageAfter, type Write } from "../items/image.ts";
import { itemSize } from "../items/item-size.ts";
import { checkBatchGet, checkKey, checkLimit, checkPk, checkTransaction, writeKey } from "../items/limits.ts";
import { QueryPageBuilder } from "../items/query-page.ts";
import type { Telemetry } from "../telemetry.ts";
import type { StoredEntry } from "./backup/entry-stream.ts";
import { CommitQueue } from "./commit-queue.ts";
import { FreeSpace, RESERVE_BYTES_DEFAULT } from "./free-space.ts";
import { decodeItem } from "./item-codec.ts";
import type { LevelDatabase } from "./level-database.ts";
import { type OpenDatabaseOptions, openDatabase } from "./open-database.ts";
import {
  endOf,
  expiryKey,
  expiryOf,
  firstExpiry,
  firstOf,
  indexedExpiry,
  itemKey,
  itemKeyOfExpiry,
  keyOfItem,
} from "./stored-keys.ts";

/** How long an item stays after its expiry. AWS does the same: nobody may rely on its removal. */
const EXPIRY_GRACE_SECONDS = 3_600;
const CACHE_BYTES_DEFAULT = 16 * 1024 * 1024;

export interface EmbeddedItemStoreOptions extends Partial<OpenDatabaseOptions> {
  readonly telemetry?: Telemetry;
  /** Free bytes of the file system below which appends are refused as `full`; other writes below half of them. Default 64 MB. */
  readonly reserveBytes?: number;
  /** Decoded items kept in memory. Default 24 MB. */
  readonly cacheBytes?: number;
}

/**
 * Items in LevelDB, one process per directory. An acknowledged write survives the end of the process and of power. Every read is
 * strongly consistent. Nothing is billed: its units are 0. Items passed in are copied; items handed out are shared, so do not change
 * them.
 */
export class EmbeddedItemStore implements ItemStore {
  readonly #database: LevelDatabase;
  readonly #queue: CommitQueue;
  readonly #telemetry: Telemetry | undefined;

  /** The free space of the directory's disk. */
  readonly space: FreeSpace;

  private constructor(database: LevelDatabase, queue: CommitQueue, space: FreeSpace, telemetry: Telemetry | undefined) {
    this.#database = database;
    this.#queue = queue;
    this.space = space;
    this.#telemetry = telemetry;
  }

  /** Creates the directory if there is none. Errors: `DirectoryInUse`, `FormatTooNew`, `StoreCorrupt`, `StoreUnavailable`. */
  static async open(directory: string, options: EmbeddedItemStoreOptions = {}): Promise<EmbeddedItemStore> {
    const database = await openDatabase(directory, options);
    const space = await FreeSpace.watch(directory, options.reserveBytes ?? RESERVE_BYTES_DEFAULT, options.report);
    const queue = new CommitQueue(database, space, options.cacheBytes ?? CACHE_BYTES_DEFAULT);
    return new EmbeddedItemStore(database, queue, space, options.telemetry);
  }

  async get(key: Key): Promise<Item | undefined> {
    return this.#metered("get", () => {
      checkKey(key);
      return this.#queue.durable(itemKey(key), key);
    })?.item;
  }

  async batchGet(keys: readonly Key[]): Promise<readonly (Item | undefined)[]> {
    let bytes = 0;
    try {
      checkBatchGet(keys);
      return keys.map((key) => {
        const image = this.#queue.durable(itemKey(key), key);
        bytes += image?.bytes ?? 0;
        return image?.item;
      });
    } finally {
      this.#consumed("batchGet", bytes);
    }
  }

  async put(item: Item, options?: WriteOptions): Promise<WriteResult> {
    return this.#write({ kind: "put", item, when: options?.when }, options);
  }

  async update(key: Key, changes: readonly Change[], options?: WriteOptions): Promise<WriteResult> {
    return this.#write({ kind: "update", key, changes, when: options?.when }, options);
  }

  async delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#write({ kind: "delete", key, when: options?.when }, options);
  }

  async query(query: Query): Promise<QueryPage> {
    const { pk, from, to, reverse = false, limit } = query;
    const page = new QueryPageBuilder(query);
    try {
      checkPk(pk);
      checkLimit(limit);
      const end = to === undefined ? { lt: endOf(pk) } : { lte: firstOf(pk, to) };
      await this.#database.scan({ gte: firstOf(pk, from), ...end, reverse }, limit, (stored, value) => {
        const key = keyOfItem(stored);
        const item = unlessCorrupt(() => decodeItem(key, value));
        if (item === undefined) page.skip(key);
        else page.offer({ item, bytes: itemSize(item) });
        return !page.full;
      });
      return page.page();
    } finally {
      this.#consumed("query", page.bytes);
    }
  }

  async transact(writes: readonly TransactWrite[], options?: TransactOptions): Promise<TransactResult> {
    let bytes = 0;
    try {
      checkTransaction(writes);
      return await this.#queue.decide(options?.purpose ?? "change", (): TransactResult => {
        const stored = writes.map((write) => itemKey(writeKey(write)));
        const befores = writes.map((write, at) => this.#before(write, stored[at] as string));
        const failures = writes.map((write, at) => failureOf(write, befores[at]));
        if (failures.some((failure) => failure !== undefined)) return { ok: false, failures };
        const afters = writes.map((write, at) => imageAfter(write, befores[at]));
        for (const [at, name] of stored.entries()) {
          this.#queue.change(name, befores[at], afters[at]);
          bytes += afters[at]?.bytes ?? 0;
        }
        return { ok: true };
      });
    } finally {
      this.#consumed("transact", bytes);
    }
  }

  /**
   * Deletes items whose `x` passed more than an hour ago, at most `limit`, soonest expired first. Answers how many index entries it
   * went through: if `limit`, there may be more. It reads the index of expiries, never the table.
   */
  async sweepExpired(nowSeconds: number, limit: number): Promise<number> {
    const expiredAt = nowSeconds - EXPIRY_GRACE_SECONDS;
    const expired: string[] = [];
    if (expiredAt < 0) return 0;
    await this.#database.scan({ gte: firstExpiry(), lt: expiryKey(expiredAt, "") }, limit, (stored) => {
      expired.push(stored);
      return expired.length < limit;
    });
    await Promise.all(
      expired.map((entry) => this.#queue.decide("free", () => this.#expire(itemKeyOfExpiry(entry), expiryOf(entry)))),
    );
    return expired.length;
  }

  /** Deletes the item that the index says expired at `listed`, and the entry. */
  #expire(stored: string, listed: number): void {
    const key = keyOfItem(stored);
    const readable = unlessCorrupt(() => ({ image: this.#queue.latest(stored, key) }));
    const listedAs: Image = { item: { ...key, x: listed }, bytes: 0 };
    // The item may live longer by now. And an unreadable item may have been replaced without its index entry.
    if (readable?.image === undefined) this.#queue.change(stored, listedAs, undefined);
    else if (indexedExpiry(readable.image.item.x) === listed) this.#queue.change(stored, readable.image, undefined);
    else this.#queue.change(stored, { ...listedAs, item: { ...readable.image.item, x: listed } }, readable.image);
  }

  /** About how much of the tables is between two keys, deleted or not. Errors: `StoreUnavailable`. */
  tableBytes(first: Key, last: Key): Promise<number> {
    return this.#database.tableBytes(itemKey(first), itemKey(last));
  }

  /** Gives back the room that deleted items took, from the first key to the last. Errors: `StoreUnavailable`. */
  compact(first: Key, last: Key): Promise<void> {
    return this.#database.compact(itemKey(first), itemKey(last));
  }

  /** All that is stored at the first step, item and index, for a backup. Errors: `StoreUnavailable`, `StoreCorrupt`. */
  entries(): AsyncIterable<readonly StoredEntry[]> {
    return this.#database.entries();
  }

  /** Finishes the accepted writes, then releases the directory. */
  async close(): Promise<void> {
    await this.#queue.close();
    await this.#database.close();
    await this.space.close();
  }

  async #write(write: Write, options: WriteOptions | undefined): Promise<WriteResult> {
    let bytes = 0;
    try {
      const use = write.kind === "delete" ? "free" : (options?.purpose ?? "change");
      return await this.#queue.decide(use, (): WriteResult => {
        const key = writeKey(write);
        checkKey(key);
        const stored = itemKey(key);
        const before = this.#before(write, stored);
        if (!holds(before?.item, write.when)) return { ok: false, current: before?.item };
        const after = imageAfter(write, before);
        this.#queue.change(stored, before, after);
        bytes = after?.bytes ?? 0;
        if (options?.returning === "allOld") return { ok: true, item: before?.item };
        return options?.returning === "allNew" ? { ok: true, item: after?.item } : { ok: true };
      });
    } finally {
      this.#consumed(write.kind, bytes);
    }
  }

  /** The item that a write meets. A put or a delete without conditions may meet an unreadable one. */
  #before(write: Write, stored: string): Image | undefined {
    const key = writeKey(write);
    const replaces = (write.kind === "put" || write.kind === "delete") && (write.when ?? []).length === 0;
    if (!replaces) return this.#queue.latest(stored, key);
    const readable = unlessCorrupt(() => ({ image: this.#queue.latest(stored, key) }));
    return readable === undefined ? { item: { ...key }, bytes: 0 } : readable.image;
  }

  #metered(operation: string, read: () => Image | undefined): Image | undefined {
    let image: Image | undefined;
    try {
      image = read();
      return image;
    } finally {
      this.#consumed(operation, image?.bytes ?? 0);
    }
  }

  #consumed(operation: string, bytes: number): void {
    this.#telemetry?.consumed({ store: "items", operation, writeUnits: 0, readUnits: 0, requests: 0, bytes });
  }
}

function failureOf(write: TransactWrite, before: Image | undefined): { readonly current: Item | undefined } | undefined {
  return holds(before?.item, write.when) ? undefined : { current: before?.item };
}

/** `undefined` if an item cannot be read. */
function unlessCorrupt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (StoreCorrupt.is(error) && error.key !== undefined) return undefined;
    throw error;
  }
}
