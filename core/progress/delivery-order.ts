import { hash32 } from "../bytes/hash32.ts";
import type { StoreFormat } from "../store/store-format.ts";
import type { ConsumerGroup, Topic } from "../terms.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import { BUCKETS, type Progress } from "./progress.ts";

/**
 * The order in which a group receives a topic's messages: none; the order of each message group, with groups in parallel (FIFO and
 * MIXED topics, whatever the group says); or the order of the whole queue (`ordered` groups on other topics).
 */
export type DeliveryOrder = "none" | "messageGroup" | "queue";

const WHOLE_QUEUE = 0;

export function deliveryOrder(group: Pick<ConsumerGroup, "ordered">, topic: Pick<Topic, "type">): DeliveryOrder {
  if (topic.type === "FIFO" || topic.type === "MIXED") return "messageGroup";
  return group.ordered ? "queue" : "none";
}

/** Whether claims and offsets of message groups may move out of the progress item. */
export const mayMoveOut = (
  { format }: { readonly format: StoreFormat },
  { group, topic }: Pick<ConsumedQueue, "group" | "topic">,
): boolean => format.version >= 3 && deliveryOrder(group, topic) === "messageGroup";

/** Messages of one bucket are delivered one after the other. Groups that share a bucket only wait for each other more than they need. */
export function bucketOf(order: DeliveryOrder, messageGroup: string | undefined): number | undefined {
  if (order === "queue") return WHOLE_QUEUE;
  return messageGroup === undefined ? undefined : hash32(messageGroup) % BUCKETS;
}

/** The buckets that have an open claim. A queue that became ordered later is also held by its older claims. */
export function heldBuckets(order: DeliveryOrder, progress: Progress): Set<number> {
  const held = new Set<number>();
  for (const claim of progress.claims.values()) {
    const bucket = claim.order?.bucket ?? (order === "queue" ? WHOLE_QUEUE : undefined);
    if (bucket !== undefined) held.add(bucket);
  }
  return held;
}
