import { PARKED_LISTS_PER_UPDATE_MAX, PARKED_MAX } from "../limits.ts";
import type { StoredMessage } from "../terms.ts";
import { bucketOf, type DeliveryOrder, heldBuckets } from "./delivery-order.ts";
import type { Progress } from "./progress.ts";

/** Room for what a receive may still take. */
interface Room {
  messages: number;
  bytes: number;
  claims: number;
}

/**
 * What an ordered receive is going to take and to park, decided message by message in the order of the queue.
 *
 * A bucket is free, held (its messages are out with some consumer), or chosen (by this plan). Parked messages of free buckets
 * come first. A message of a held bucket is parked, and so is one whose bucket has others parked before it; when the list is
 * full, or there is no room for another claim, the scan stops and the next offset waits there.
 */
export class OrderedPlan {
  /** Messages to deliver by bucket; those without a message group under `undefined`. */
  readonly chosen = new Map<number | undefined, StoredMessage[]>();
  /** The parked lists as they will be; only those that change. */
  readonly parked = new Map<number, readonly number[]>();
  /** Messages passed over because they have expired. */
  expired = 0;
  readonly #order: DeliveryOrder;
  readonly #progress: Progress;
  readonly #held: ReadonlySet<number>;
  readonly #room: Room;
  #parkedCount: number;

  constructor(order: DeliveryOrder, progress: Progress, room: Room) {
    this.#order = order;
    this.#progress = progress;
    this.#held = heldBuckets(order, progress);
    this.#room = { ...room };
    this.#parkedCount = [...progress.parked.values()].reduce((sum, offsets) => sum + offsets.length, 0);
  }

  get full(): boolean {
    return this.#room.messages <= 0 || this.#room.bytes <= 0;
  }

  /** No other bucket can be chosen: there are as many claims as there may be, or as many lists as one update names. */
  get crowded(): boolean {
    return this.#room.claims <= 0 || this.parked.size >= PARKED_LISTS_PER_UPDATE_MAX;
  }

  /** Parked lists whose bucket is free, the longest waiting first. */
  waiting(): readonly (readonly [bucket: number, offsets: readonly number[]])[] {
    const free = [...this.#progress.parked].filter(([bucket]) => !this.#held.has(bucket));
    return free.sort(([, a], [, b]) => (a[0] ?? 0) - (b[0] ?? 0));
  }

  /** Takes parked messages of one free bucket. `messages` are those of its first `read` offsets that have not expired. */
  takeParked(bucket: number, offsets: readonly number[], read: number, messages: readonly StoredMessage[]): void {
    let taken = 0;
    for (const message of messages) {
      if (!this.#choose(bucket, message)) break;
      taken++;
    }
    const firstLeft = messages[taken]?.offset ?? offsets[read] ?? Number.POSITIVE_INFINITY;
    const left = offsets.filter((offset) => offset >= firstLeft);
    this.expired += offsets.length - left.length - taken;
    this.#parkedCount -= offsets.length - left.length;
    if (left.length < offsets.length) this.parked.set(bucket, left);
  }

  /** Decides on the next message of the queue. False: the scan stops before it. */
  offer(message: StoredMessage): boolean {
    const bucket = bucketOf(this.#order, message.messageGroup);
    if (bucket === undefined) return this.#choose(undefined, message);
    const parkedBefore = this.parked.get(bucket) ?? this.#progress.parked.get(bucket) ?? [];
    if (!this.#held.has(bucket) && parkedBefore.length === 0) return this.#choose(bucket, message);
    // A queue in order does not go on past a message that waits.
    if (this.#order === "queue" || this.#parkedCount >= PARKED_MAX) return false;
    if (!this.parked.has(bucket) && this.parked.size >= PARKED_LISTS_PER_UPDATE_MAX) return false;
    this.parked.set(bucket, [...parkedBefore, message.offset]);
    this.#parkedCount++;
    return true;
  }

  #choose(bucket: number | undefined, message: StoredMessage): boolean {
    const mine = this.chosen.get(bucket);
    // The first message comes whatever its size: else a large one would hold its queue for ever.
    const fits = this.#room.messages > 0 && (message.body.length <= this.#room.bytes || this.chosen.size === 0);
    if (!fits || (mine === undefined && this.#room.claims <= 0)) {
      if (!fits) this.#room.messages = 0;
      return false;
    }
    this.#room.messages--;
    this.#room.bytes -= message.body.length;
    if (mine) {
      mine.push(message);
      return true;
    }
    this.#room.claims--;
    this.chosen.set(bucket, [message]);
    return true;
  }
}
