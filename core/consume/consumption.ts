import type { MessageFilter } from "../filter/compile-filter.ts";
import type { CompiledFilters } from "../filter/compiled-filters.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Events } from "../ports/events.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Random } from "../ports/random.ts";
import type { Reading } from "../ports/reading.ts";
import type { StoreFormat } from "../store-format.ts";
import type { ConsumerGroup, StoredMessage, Subscription, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { Arrivals } from "./arrivals.ts";
import type { AttemptTags } from "./attempt-tags.ts";
import type { LeaseClock } from "./lease-clock.ts";
import type { ClaimOrder } from "./progress.ts";
import type { ProgressStore } from "./progress-store.ts";
import type { ReceiptHandles } from "./receipt-handle.ts";
import type { Rotation } from "./rotation.ts";
import type { Turns } from "./turns.ts";

/** What receiving and settling work with. */
export interface Consumption {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly progress: ProgressStore;
  readonly topics: TopicRegistry;
  readonly handles: ReceiptHandles;
  readonly attempts: AttemptTags;
  readonly arrivals: Arrivals;
  readonly clock: LeaseClock;
  readonly reading: Reading;
  readonly random: Random;
  readonly rotation: Rotation;
  readonly turns: Turns;
  readonly filters: CompiledFilters;
  readonly format: StoreFormat;
  readonly events: Events;
  /** The largest difference between two handlers' clocks: a lease is over for others only this long after its end. */
  readonly skewMarginMs: number;
}

/** A queue as one group consumes it. */
export interface ConsumedQueue {
  readonly group: ConsumerGroup;
  readonly subscription: Subscription;
  readonly topic: Topic;
  readonly queueId: number;
  /** What the subscription lets through. */
  readonly filter: MessageFilter;
}

/** Messages a receive took from one claim, under a lease. */
export interface Delivery {
  readonly queue: ConsumedQueue;
  readonly generation: number;
  readonly claimId: string;
  readonly first: number;
  readonly nonce: string;
  readonly attempt: number;
  readonly leaseUntilMs: number;
  readonly messages: readonly StoredMessage[];
  /** Messages the claim handed out; `messages` may be fewer when one has expired meanwhile. */
  readonly handedOut: number;
  /** Of an ordered claim. */
  readonly order?: ClaimOrder | undefined;
  /** Of a claim taken by an attempt. */
  readonly attemptTag?: string | undefined;
  /** Another receive of the attempt took it, and may have been answered with it. */
  readonly repeated?: boolean;
}

export const logQueue = (queue: ConsumedQueue): { topicUid: string; queueId: number } => ({
  topicUid: queue.topic.uid,
  queueId: queue.queueId,
});
