import { BACKLOGS_PER_WRITE_MAX, DEFERRED_MAX, MESSAGES_PER_ORDERED_CLAIM } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import type { ReadMessages } from "../log/run-messages.ts";
import type { Deferred } from "../progress/deferred.ts";
import { bucketOf, type DeliveryOrder, heldBuckets } from "../progress/delivery-order.ts";
import { CLAIM_SPAN, type Progress } from "../progress/progress.ts";
import type { StoredMessage } from "../terms.ts";

/** How much a receive may take. */
interface Space {
  readonly messages: number;
  readonly bytes: number;
  readonly claims: number;
}

/**
 * The plan of an ordered receive: the messages that it takes and those that it defers.
 *
 * Every message waits for its bucket: first the deferred messages, then those that the scan meets. A bucket is held while a consumer
 * has messages of it, else it is free. The plan takes from free buckets only: from the one that has waited longest first, and from each
 * as much as it has. A claim costs the same for one message as for many, so the scan goes on until few buckets fill the receive.
 * Messages that are not taken are deferred. If their bucket has a backlog outside the item, they go to the backlog instead.
 */
export class OrderedPlan {
  /** Messages to deliver by bucket; those without a message group under `undefined`. */
  readonly taken = new Map<number | undefined, StoredMessage[]>();
  /** Messages passed over because they have expired. */
  expired = 0;
  /** Messages that the scan met and that cannot be read. */
  readonly unreadable: Unreadable[] = [];
  /** Offsets that the scan met in buckets with a backlog outside. */
  readonly behind = new Map<number, number[]>();
  /** The scan stopped because the item has no room for more waiting messages. */
  crowded = false;
  readonly #order: DeliveryOrder;
  readonly #space: Space;
  readonly #held: ReadonlySet<number | undefined>;
  readonly #outside: Set<number | undefined>;
  /** All waiting messages, in the form in which they are deferred: ascending offsets, and their buckets. */
  readonly #offsets: number[];
  readonly #buckets: (number | undefined)[];
  /** How many messages wait in each free bucket, the bucket that has waited longest first. */
  readonly #free = new Map<number | undefined, number>();
  #freeMessages = 0;

  constructor(order: DeliveryOrder, progress: Progress, space: Space) {
    this.#order = order;
    this.#space = space;
    this.#held = heldBuckets(order, progress);
    this.#outside = new Set(progress.backlogged);
    this.#offsets = [...progress.deferred.offsets];
    this.#buckets = [...progress.deferred.buckets];
    for (const bucket of this.#buckets) this.#count(bucket);
  }

  /** Few buckets fill the receive: the scan may stop. */
  get enough(): boolean {
    if (this.#freeMessages < this.#space.messages) return false;
    let few = Math.ceil(this.#space.messages / MESSAGES_PER_ORDERED_CLAIM);
    let missing = this.#space.messages;
    for (const count of this.#free.values()) {
      missing -= count;
      if (missing <= 0) return true;
      if (--few <= 0) return false;
    }
    return false;
  }

  /** The bucket of a message, if the item does not tell whether the bucket's claim is outside. */
  unknownBucket(messageGroup: string | undefined): number | undefined {
    const bucket = bucketOf(this.#order, messageGroup);
    return this.#held.has(bucket) || this.#outside.has(bucket) || this.#free.has(bucket) ? undefined : bucket;
  }

  /** The claim of the bucket is outside. */
  isOut(bucket: number): void {
    this.#outside.add(bucket);
  }

  /** Adds the next message of the queue. False: the scan stops before this message, and the next offset stays there. */
  offer(offset: number, messageGroup: string | undefined): boolean {
    const bucket = bucketOf(this.#order, messageGroup);
    if (bucket !== undefined && this.#outside.has(bucket)) return this.#putBehind(bucket, offset);
    const takeable = Math.min(this.#freeMessages + (this.#held.has(bucket) ? 0 : 1), this.#space.messages);
    // A queue in order may not pass a waiting message.
    this.crowded = this.#offsets.length + 1 - takeable > (this.#order === "queue" ? 0 : DEFERRED_MAX);
    if (this.crowded) return false;
    this.#offsets.push(offset);
    this.#buckets.push(bucket);
    this.#count(bucket);
    return true;
  }

  /** The offsets to take, ascending, within the count that the receive wants. */
  choose(): readonly number[] {
    const quotas = new Map<number | undefined, number>();
    let { messages } = this.#space;
    for (const [bucket, count] of this.#free) {
      if (messages <= 0 || quotas.size >= this.#space.claims) break;
      quotas.set(bucket, Math.min(count, messages));
      messages -= count;
    }
    return this.#offsets.filter((_, index) => {
      const bucket = this.#buckets[index];
      const quota = quotas.get(bucket) ?? 0;
      if (quota > 0) quotas.set(bucket, quota - 1);
      return quota > 0;
    });
  }

  /**
   * Takes as many of the chosen messages as fit by size. A chosen message that is neither in `messages` nor unreadable has expired.
   * Answers what to defer.
   */
  take(chosen: readonly number[], { messages, unreadable }: ReadMessages): Deferred {
    const damaged = new Map(unreadable.map((one) => [one.offset, one]));
    const offsets: number[] = [];
    const buckets: (number | undefined)[] = [];
    let { bytes } = this.#space;
    let nextChosen = 0;
    let nextMessage = 0;
    for (let index = 0; index < this.#offsets.length; index++) {
      const offset = this.#offsets[index] as number;
      const bucket = this.#buckets[index];
      const message = messages[nextMessage]?.offset === offset ? messages[nextMessage] : undefined;
      // The first message is taken whatever its size: else a large message would block its queue for ever.
      const spaceLeft = message === undefined || message.body.length <= bytes || this.taken.size === 0;
      const [claimed] = this.taken.get(bucket) ?? [];
      const fits = spaceLeft && (claimed === undefined || offset - claimed.offset < CLAIM_SPAN);
      if (offset !== chosen[nextChosen] || !fits) {
        offsets.push(offset);
        buckets.push(bucket);
        continue;
      }
      nextChosen++;
      if (message === undefined) {
        const unreadableOne = damaged.get(offset);
        if (unreadableOne) this.unreadable.push(unreadableOne);
        else this.expired++;
        continue;
      }
      nextMessage++;
      bytes -= message.body.length;
      const taken = this.taken.get(bucket);
      if (taken) taken.push(message);
      else this.taken.set(bucket, [message]);
    }
    return { offsets, buckets };
  }

  #putBehind(bucket: number, offset: number): boolean {
    const some = this.behind.get(bucket);
    if (!some && this.behind.size >= BACKLOGS_PER_WRITE_MAX) return false;
    if (some) some.push(offset);
    else this.behind.set(bucket, [offset]);
    return true;
  }

  #count(bucket: number | undefined): void {
    if (this.#held.has(bucket)) return;
    this.#free.set(bucket, (this.#free.get(bucket) ?? 0) + 1);
    this.#freeMessages++;
  }
}
