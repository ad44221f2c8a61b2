import { LRUCache } from "lru-cache";
import { BrokerError } from "../errors.ts";
import { progressKey, subscriptionKey } from "../keys.ts";
import { PROGRESS_CACHE_BYTES, PROGRESS_CACHE_MS } from "../limits.ts";
import { QUEUE_ENDS_MAX } from "../log/log-limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Condition, Item, ItemStore, Key, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { growingTo } from "../store/growing-to.ts";
import { ofUid } from "../store/uid-items.ts";
import type { ConsumedQueue, ProgressQueue } from "./consumed-queue.ts";
import { freshProgress, type Progress, progressOf } from "./progress.ts";
import type { ProgressChange } from "./progress-change.ts";

/** The outcome of a change. `progress`: the one after it, or, if it failed, the one that stood in the way. */
export interface Written {
  readonly ok: boolean;
  readonly progress: Progress | undefined;
}

/** Progress items, with the last image each call returned: a warm receive starts from it instead of reading. */
export class ProgressStore {
  readonly #items: ItemStore;
  readonly #clock: Clock;
  readonly #images = new LRUCache<string, { readonly item: Item; readonly seenAtMs: number }>({
    maxSize: PROGRESS_CACHE_BYTES,
    sizeCalculation: ({ item }) => 200 + 100 * Object.keys(item).length,
  });

  readonly #plenty = new LRUCache<string, number>(growingTo(QUEUE_ENDS_MAX));

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }) {
    this.#items = store.items;
    this.#clock = store.clock;
  }

  /** Whether this process's last receive, if only seconds ago, found as much on the queue as it asked for. */
  hadPlenty(queue: ProgressQueue): boolean {
    const seenAtMs = this.#plenty.get(keyOf(queue).pk);
    return seenAtMs !== undefined && this.#isRecent(seenAtMs);
  }

  sawPlenty(queue: ProgressQueue, plenty: boolean): void {
    const { pk } = keyOf(queue);
    if (plenty) this.#plenty.set(pk, this.#clock.nowMs());
    else this.#plenty.delete(pk);
  }

  /** An image at most three seconds old, if one is at hand. */
  recent(queue: ProgressQueue): Progress | undefined {
    const image = this.#images.get(keyOf(queue).pk);
    return image && this.#isRecent(image.seenAtMs) ? progressOf(image.item) : undefined;
  }

  /** The stored progress of some queues, in their order. A queue added after the subscription starts at offset 0. */
  async readAll(queues: readonly ConsumedQueue[]): Promise<readonly Progress[]> {
    const found: Progress[] = [];
    for (let from = 0; from < queues.length; from += 100) {
      const some = queues.slice(from, from + 100);
      const items = await this.#items.batchGet(some.map(keyOf));
      for (const [index, queue] of some.entries()) found.push(this.#saw(items[index] ?? (await this.#create(queue))));
    }
    return found;
  }

  /** Eventually consistent reads: cheaper, and not kept. `undefined` for a queue that nobody has read yet. */
  async peekAll(queues: readonly ConsumedQueue[]): Promise<readonly (Progress | undefined)[]> {
    const items = await this.#items.batchGet(queues.map(keyOf), { consistent: false });
    return items.map((item) => item && progressOf(item));
  }

  /** The stored progress. `undefined` if the subscription is gone. */
  async read(queue: ProgressQueue): Promise<Progress | undefined> {
    const item = await this.#items.get(keyOf(queue));
    return item && this.#saw(item);
  }

  /** Answers the progress after the change. */
  async update(queue: ProgressQueue, { changes, when }: ProgressChange): Promise<Written> {
    const result = await this.#items.update(keyOf(queue), changes, { when, returning: "allNew" });
    return { ok: result.ok, progress: this.#met(queue, result.ok ? result.item : result.current) };
  }

  /** For a change that only removes. Answers the progress before it, which shows what was removed. */
  async updateReturningOld(queue: ProgressQueue, change: ProgressChange): Promise<Written> {
    const result = await this.#items.update(keyOf(queue), change.changes, { when: change.when, returning: "allOld" });
    if (!result.ok || !result.item) return { ok: result.ok, progress: this.#met(queue, result.ok ? undefined : result.current) };
    this.#keep(change.appliedTo(result.item));
    return { ok: true, progress: progressOf(result.item) };
  }

  /**
   * Changes a progress item together with what is outside it. Answers the progress after the change as far as this process knows it:
   * others may have settled messages since `before` was read. Errors: `StoreUnavailable`.
   */
  async transact(
    queue: ProgressQueue,
    before: Progress,
    change: ProgressChange,
    writes: readonly TransactWrite[],
  ): Promise<Written> {
    try {
      const result = await this.#items.transact([change.writeTo(queue), ...writes]);
      if (result.ok) return { ok: true, progress: this.#saw(change.appliedTo(before.stored)) };
      const met = result.failures[0]?.current;
      this.forget(queue);
      return { ok: false, progress: met ? this.#saw(met) : await this.read(queue) };
    } catch (error) {
      if (StoreUnavailable.is(error)) this.forget(queue);
      throw error;
    }
  }

  /** Replaces the stored item, together with other writes, while all conditions hold. */
  async replace(item: Item, when: readonly Condition[], writes: readonly TransactWrite[]): Promise<boolean> {
    const { ok } = await this.#items.transact([{ kind: "put", item, when }, ...writes]);
    if (ok) this.#keep(item);
    return ok;
  }

  /** Replaces an item that cannot be read: it meets no condition. */
  async mend(item: Item): Promise<void> {
    await this.#items.put(item);
    this.#keep(item);
  }

  forget(queue: ProgressQueue): void {
    this.#images.delete(keyOf(queue).pk);
  }

  /** Only while the subscription exists. Else its progress was deleted with it, and offset 0 would hand out everything again. */
  async #create({ group, subscription, queueId }: ConsumedQueue): Promise<Item> {
    const item = freshProgress(subscription.uid, queueId, 0, 0);
    const key = subscriptionKey(group.uid, subscription.topic);
    const result = await this.#items.transact([
      { kind: "check", key, when: ofUid(subscription.uid) },
      { kind: "put", item, when: [{ op: "absent", name: "pk" }] },
    ]);
    if (result.ok) return item;
    const [ended, there] = result.failures;
    if (there?.current && !ended) return there.current;
    throw new BrokerError("NOT_FOUND", `Group '${group.name}' is no longer subscribed to topic '${subscription.topic}'.`);
  }

  #isRecent(seenAtMs: number): boolean {
    const ageMs = this.#clock.nowMs() - seenAtMs;
    return ageMs >= 0 && ageMs <= PROGRESS_CACHE_MS;
  }

  #met(queue: ProgressQueue, item: Item | undefined): Progress | undefined {
    if (item) return this.#saw(item);
    this.forget(queue);
    return undefined;
  }

  #saw(item: Item): Progress {
    const progress = progressOf(item);
    this.#keep(item);
    return progress;
  }

  #keep(item: Item): void {
    this.#images.set(item.pk, { item, seenAtMs: this.#clock.nowMs() });
  }
}

const keyOf = ({ subscription, queueId }: ProgressQueue): Key => progressKey(subscription.uid, queueId);
