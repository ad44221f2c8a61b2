import { progressOf, unsettledCount } from "../consume/progress.ts";
import type { SubscriptionRegistry } from "../consume/subscription-registry.ts";
import { BrokerError } from "../errors.ts";
import { groupKey, progressKey } from "../keys.ts";
import { QUEUE_SHRINK_SETTLE_MS } from "../limits.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "./topic-registry.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
}

/**
 * Guards a change of queue counts, in RocketMQ's order: lower the write queues, let the groups drain the rest, lower the read
 * queues. Sends by the older count may be on their way for a few seconds after the first step: the last step waits them out.
 * On a FIFO or MIXED topic a message group would change queues, so there any change wants everything drained.
 */
export async function guardQueueCounts(store: Dependencies, current: Topic, wanted: Topic): Promise<Topic> {
  const same = current.writeQueues === wanted.writeQueues && current.readQueues === wanted.readQueues;
  if (same) return current;
  if (current.type === "FIFO" || current.type === "MIXED") {
    await requireDrained(store, current, 0);
    return current;
  }
  if (wanted.readQueues >= current.readQueues) return current;
  await requireDrained(store, current, wanted.readQueues);
  const lowered = current.writeQueues > wanted.readQueues ? await lowerWriteQueues(store, current, wanted) : current;
  const settledMs = lowered.shrunkAtMs + QUEUE_SHRINK_SETTLE_MS - store.clock.nowMs();
  if (settledMs > 0) await store.clock.sleep(Math.min(settledMs, QUEUE_SHRINK_SETTLE_MS));
  await requireDrained(
    store,
    lowered,
    wanted.readQueues,
    lowered === current ? "" : ` writeQueues is ${lowered.writeQueues} now.`,
  );
  return lowered;
}

async function lowerWriteQueues(store: Dependencies, current: Topic, wanted: Topic): Promise<Topic> {
  const lowered = await store.topics.replace(current, {
    ...current,
    writeQueues: Math.min(wanted.writeQueues, wanted.readQueues),
    shrunkAtMs: store.clock.nowMs(),
  });
  if (lowered) return lowered;
  throw new BrokerError("PRECONDITION_FAILED", `Topic '${current.name}' was changed meanwhile. Read it again and decide anew.`);
}

/** Errors: PRECONDITION_FAILED when a group has not settled everything in queues `from` and up; it says what was done already. */
async function requireDrained(store: Dependencies, topic: Topic, from: number, alreadyDone = ""): Promise<void> {
  for await (const { group, groupUid, subscriptionUid } of store.subscriptions.subscribers(topic)) {
    // A deletion that was cut short leaves its subscriptions behind; nobody will drain those.
    if ((await store.items.get(groupKey(group)))?.u !== groupUid) continue;
    for (let queueId = from; queueId < topic.readQueues; queueId++) {
      const item = await store.items.get(progressKey(subscriptionUid, queueId));
      const queue = { topicUid: topic.uid, queueId };
      const maxOffset = await store.log.reader.maxOffset(queue);
      // What has expired is not waiting; after total expiry min and max are the cap.
      const minOffset = await store.log.reader.minOffset(queue);
      const progress = item && progressOf(item);
      const inFlight = progress ? unsettledCount(progress) : 0;
      const waiting = Math.max(0, maxOffset - Math.max(minOffset, progress?.next ?? 0));
      if (waiting + inFlight === 0) continue;
      throw new BrokerError(
        "PRECONDITION_FAILED",
        `Queue ${queueId} still holds ${waiting} waiting and ${inFlight} in-flight messages for group '${group}'. ` +
          `Lower writeQueues, let the groups drain the queues above, then lower readQueues.${alreadyDone}`,
      );
    }
  }
}
