import { LRUCache } from "lru-cache";
import type { Key } from "../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { Image } from "../items/image.ts";
import { itemSize } from "../items/item-size.ts";
import type { FreeSpace, Use } from "./free-space.ts";
import { decodeItem, ItemEncoder } from "./item-codec.ts";
import type { LevelDatabase, LevelOperation } from "./level-database.ts";
import { expiryKey, indexedExpiry } from "./stored-keys.ts";

/** A decoded item takes about twice its size in memory, plus a fixed amount for its objects. */
const CACHE_EXPANSION = 2;
const CACHE_ENTRY_BYTES = 512;
const ENCODER_BYTES = 1024 * 1024;
const EMPTY = new Uint8Array(0);

/** The state of an item after a batch. `image` undefined: deleted. */
interface Version {
  readonly image: Image | undefined;
  readonly batch: Batch;
  /** The expiry under which the index still lists the item. */
  readonly indexed: number | undefined;
}

/** Writes that become durable together. */
class Batch {
  readonly changed = new Map<string, Version>();
  readonly durable: Promise<void>;
  resolve!: () => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.durable = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Every waiter gets the failure itself.
    this.durable.catch(() => undefined);
  }
}

/**
 * Decides writes one after the other, in memory, and makes them durable in batches.
 *
 * At most one batch is being **written**. Meanwhile the next one **gathers**. It begins after the other has ended, at the end of an
 * event-loop turn, so that all writes of the turn share it. A decision sees everything decided before it. Its answer, even "the
 * condition failed", waits for the youngest batch that it has seen, so nobody acts on something that a crash could undo. A decision
 * that saw only durable state is answered at once. Reads see durable state only.
 *
 * If a batch fails, its answers are `unknown`. The gathering batch was decided on top of it and never begun: `not-applied`. Both are
 * dropped, with the cache, and the database starts anew from the disk.
 */
export class CommitQueue {
  readonly #database: LevelDatabase;
  readonly #space: FreeSpace;
  readonly #cache: LRUCache<string, Image>;
  readonly #encoder = new ItemEncoder(ENCODER_BYTES);
  #gathering = new Batch();
  #writing: Batch | undefined;
  #scheduled = false;
  /** The youngest batch that the current decision has seen. */
  #seen: Batch | undefined;
  #closed = false;

  constructor(database: LevelDatabase, space: FreeSpace, cacheBytes: number) {
    this.#database = database;
    this.#space = space;
    this.#cache = new LRUCache({
      maxSize: cacheBytes,
      sizeCalculation: (image) => image.bytes * CACHE_EXPANSION + CACHE_ENTRY_BYTES,
    });
  }

  /** The durable image. Errors: `StoreUnavailable`, `StoreCorrupt`. */
  durable(stored: string, key: Key): Image | undefined {
    const cached = this.#cache.get(stored);
    if (cached !== undefined) return cached;
    const value = this.#database.getSync(stored);
    if (value === undefined) return undefined;
    const item = decodeItem(key, value);
    const image = { item, bytes: itemSize(item) };
    this.#cache.set(stored, image);
    return image;
  }

  /**
   * Runs `decision` now, which reads with `latest` and writes with `change`. Answers when all that it saw is durable. `use` decides how
   * full the disk may be for it.
   */
  async decide<T>(use: Use, decision: () => T): Promise<T> {
    if (this.#closed) throw new StoreUnavailable("not-applied", "unavailable", "the store is closed");
    this.#space.require(use);
    this.#seen = undefined;
    const result = decision();
    await this.#seenBatch()?.durable;
    return result;
  }

  /** For a decision: the image after all earlier decisions. */
  latest(stored: string, key: Key): Image | undefined {
    const version = this.#gathering.changed.get(stored) ?? this.#writing?.changed.get(stored);
    if (version === undefined) return this.durable(stored, key);
    if (this.#seen !== this.#gathering) this.#seen = version.batch;
    return version.image;
  }

  /** For a decision: replaces `before`, as answered by `latest`. */
  change(stored: string, before: Image | undefined, image: Image | undefined): void {
    if (before === image) return;
    const batch = this.#gathering;
    const earlier = batch.changed.get(stored);
    const indexed = earlier === undefined ? indexedExpiry(before?.item.x) : earlier.indexed;
    batch.changed.set(stored, { image, batch, indexed });
    this.#seen = batch;
    this.#schedule();
  }

  /** Refuses new writes and finishes those that were accepted. */
  async close(): Promise<void> {
    this.#closed = true;
    const begun = [this.#writing, this.#gathering].filter((batch) => batch !== undefined && batch.changed.size > 0);
    await Promise.allSettled(begun.map((batch) => batch?.durable));
    this.#cache.clear();
  }

  #seenBatch(): Batch | undefined {
    return this.#seen;
  }

  /** Delayed to the end of the turn: callers that the last batch's end has woken write in this turn, and share the next batch. */
  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#commit();
    });
  }

  async #commit(): Promise<void> {
    const batch = this.#gathering;
    this.#writing = batch;
    this.#gathering = new Batch();
    try {
      await this.#database.write(this.#operationsOf(batch), () => this.#publish(batch));
    } catch (error) {
      this.#fail(batch, error);
    }
    if (this.#gathering.changed.size > 0) this.#schedule();
  }

  #publish(batch: Batch): void {
    for (const [stored, { image }] of batch.changed) {
      if (image === undefined) this.#cache.delete(stored);
      else this.#cache.set(stored, image);
    }
    this.#writing = undefined;
    batch.resolve();
  }

  #fail(batch: Batch, error: unknown): void {
    const follower = this.#gathering;
    this.#writing = undefined;
    this.#gathering = new Batch();
    this.#cache.clear();
    batch.reject(error);
    const reason = StoreUnavailable.is(error) ? error.reason : "unavailable";
    follower.reject(new StoreUnavailable("not-applied", reason, "an earlier write failed", { cause: error }));
  }

  /** Each item once, however often the batch changed it, and the changes of its entry in the expiry index. */
  #operationsOf(batch: Batch): LevelOperation[] {
    const operations: LevelOperation[] = [];
    let bytes = 0;
    this.#encoder.reset();
    for (const [key, { image, indexed }] of batch.changed) {
      if (image === undefined) operations.push({ type: "del", key });
      else {
        const value = this.#encoder.encode(image.item);
        bytes += value.length;
        operations.push({ type: "put", key, value });
      }
      const expiry = indexedExpiry(image?.item.x);
      if (expiry === indexed) continue;
      if (indexed !== undefined) operations.push({ type: "del", key: expiryKey(indexed, key) });
      if (expiry !== undefined) operations.push({ type: "put", key: expiryKey(expiry, key), value: EMPTY });
    }
    this.#space.written(bytes);
    return operations;
  }
}
