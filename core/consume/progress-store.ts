import { LRUCache } from "lru-cache";
import { BrokerError } from "../errors.ts";
import { growingTo } from "../growing-to.ts";
import { progressKey, subscriptionKey } from "../keys.ts";
import { PROGRESS_CACHE_BYTES, PROGRESS_CACHE_MS } from "../limits.ts";
import { QUEUE_ENDS_MAX } from "../log/log-limits.ts";
import type { Clock } from "../ports/clock.ts";
import type { Change, Condition, Item, ItemStore, Key, WriteResult } from "../ports/item-store.ts";
import type { ConsumedQueue } from "./consumption.ts";
import { freshProgress } from "./progress.ts";

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

  /** Whether the last receive by this process, seconds ago, found as much on the queue as it asked for. */
  hadPlenty({ subscription, queueId }: Pick<ConsumedQueue, "subscription" | "queueId">): boolean {
    const seenAtMs = this.#plenty.get(progressKey(subscription.uid, queueId).pk);
    return seenAtMs !== undefined && this.#isRecent(seenAtMs);
  }

  sawPlenty({ subscription, queueId }: Pick<ConsumedQueue, "subscription" | "queueId">, plenty: boolean): void {
    const { pk } = progressKey(subscription.uid, queueId);
    if (plenty) this.#plenty.set(pk, this.#clock.nowMs());
    else this.#plenty.delete(pk);
  }

  /** An image at most three seconds old, if one is at hand. */
  recent(subscriptionUid: string, queueId: number): Item | undefined {
    const image = this.#images.get(progressKey(subscriptionUid, queueId).pk);
    return image && this.#isRecent(image.seenAtMs) ? image.item : undefined;
  }

  /** The stored items of some queues, in their order. A queue added after the subscription starts at offset 0. */
  async readAll(queues: readonly ConsumedQueue[]): Promise<readonly Item[]> {
    const found: Item[] = [];
    for (let from = 0; from < queues.length; from += 100) {
      const some = queues.slice(from, from + 100);
      const items = await this.#items.batchGet(some.map((queue) => progressKey(queue.subscription.uid, queue.queueId)));
      for (const [index, queue] of some.entries()) found.push(this.saw(items[index] ?? (await this.#create(queue))));
    }
    return found;
  }

  /** As they were a moment ago: cheaper, and not kept. `undefined` for one that was not read yet by anybody. */
  peekAll(queues: readonly ConsumedQueue[]): Promise<readonly (Item | undefined)[]> {
    const keys = queues.map((queue) => progressKey(queue.subscription.uid, queue.queueId));
    return this.#items.batchGet(keys, { consistent: false });
  }

  /** As stored now; nothing where the subscription is gone. */
  async read(subscriptionUid: string, queueId: number): Promise<Item | undefined> {
    const item = await this.#items.get(progressKey(subscriptionUid, queueId));
    return item && this.saw(item);
  }

  async update(subscriptionUid: string, queueId: number, change: ProgressChange): Promise<WriteResult> {
    const result = await this.#items.update(progressKey(subscriptionUid, queueId), change.changes, {
      when: change.when,
      returning: change.returning,
    });
    const seen = result.ok ? (change.returning === "allNew" ? result.item : afterRemovals(result.item, change)) : result.current;
    if (seen) this.saw(seen);
    else if (!result.ok) this.forget(subscriptionUid, queueId);
    return result;
  }

  forget(subscriptionUid: string, queueId: number): void {
    this.#images.delete(progressKey(subscriptionUid, queueId).pk);
  }

  /** Only while the subscription is there: else the progress is gone with it, and offset 0 would hand out everything again. */
  async #create({ group, subscription, queueId }: ConsumedQueue): Promise<Item> {
    const item = freshProgress(subscription.uid, queueId, 0, 0);
    const key = subscriptionKey(group.uid, subscription.topic);
    const result = await this.#items.transact([
      { kind: "check", key, when: [{ op: "=", name: "u", value: subscription.uid }] },
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

  /** Keeps an image as the newest one. */
  saw(item: Item): Item {
    this.#images.set(item.pk, { item, seenAtMs: this.#clock.nowMs() });
    return item;
  }
}

export interface ProgressChange {
  readonly changes: readonly Change[];
  readonly when: readonly Condition[];
  readonly returning: "allOld" | "allNew";
}

/** The image after an update that only took away; `undefined` for any other. */
function afterRemovals(before: Item | undefined, { changes }: ProgressChange): Item | undefined {
  if (!before) return undefined;
  const left = new Map<string, Item[string] | undefined>();
  for (const change of changes) {
    if (change.op === "deleteFromSet") left.set(change.name, difference(before[change.name], change.values));
    else if (change.op === "remove") left.set(change.name, undefined);
    else return undefined;
  }
  const after: Record<string, Item[string]> & Key = { pk: before.pk, sk: before.sk };
  for (const name in before) {
    const value = left.has(name) ? left.get(name) : before[name];
    if (value !== undefined) after[name] = value;
  }
  return after;
}

function difference(
  members: Item[string] | undefined,
  gone: ReadonlySet<string> | ReadonlySet<number>,
): Item[string] | undefined {
  const left = new Set(members as ReadonlySet<number> | undefined);
  for (const member of gone as ReadonlySet<number>) left.delete(member);
  return left.size > 0 ? left : undefined;
}
