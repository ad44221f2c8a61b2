import type { MessageFilter } from "../filter/compile-filter.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { ConsumerGroup, Subscription, Topic } from "../terms.ts";

/** A queue as one group consumes it. */
export interface ConsumedQueue {
  readonly group: ConsumerGroup;
  readonly subscription: Subscription;
  readonly topic: Topic;
  readonly queueId: number;
  /** The subscription's filter. */
  readonly filter: MessageFilter;
}

/** The part of it that names the progress item. */
export type ProgressQueue = Pick<ConsumedQueue, "subscription" | "queueId">;

export const logQueue = ({ topic, queueId }: ConsumedQueue): Queue => queueOf(topic, queueId);
