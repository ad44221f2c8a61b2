import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { groupKey, progressKey } from "../keys.ts";
import { GROUP_SEND_MS, METADATA_CACHE_MS, QUEUE_CHANGE_HOLD_MS, QUEUE_SHRINK_SETTLE_MS } from "../limits.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { queuesChange } from "../produce/fixed-queue.ts";
import { progressOf, unsettledIn } from "../progress/progress.ts";
import { finishing } from "../store/store-errors.ts";
import { uidOf } from "../store/uid-items.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { visitedQueues } from "../topic/visited-queues.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly skewMarginMs: number;
}

/**
 * Guards a change of queue counts, in RocketMQ's order: lower the write queues, let the groups drain the rest, lower the read queues.
 * After the first step, sends by the older count may still be under way for a few seconds. The last step waits for them. On a FIFO or
 * MIXED topic a message group would change queues. So there any change requires everything to be drained, and holds the groups
 * meanwhile.
 */
export async function guardQueueCounts(store: Dependencies, current: Topic, wanted: Topic): Promise<Topic> {
  const same = current.writeQueues === wanted.writeQueues && current.readQueues === wanted.readQueues;
  if (same) return current;
  if (current.type === "FIFO" || current.type === "MIXED") return holdGroups(store, current);
  if (wanted.readQueues >= current.readQueues) return current;
  await requireDrained(store, current, wanted.readQueues);
  const lowered = current.writeQueues > wanted.readQueues ? await lowerWriteQueues(store, current, wanted) : current;
  const settle = async (): Promise<Topic> => {
    const settledMs = lowered.shrunkAtMs + QUEUE_SHRINK_SETTLE_MS - store.clock.nowMs();
    if (settledMs > 0) await store.clock.sleep(Math.min(settledMs, QUEUE_SHRINK_SETTLE_MS));
    const alreadyDone = lowered === current ? "" : ` writeQueues is ${lowered.writeQueues} now.`;
    await requireDrained(store, lowered, wanted.readQueues, alreadyDone);
    return lowered;
  };
  return lowered === current ? settle() : finishing(settle);
}

/**
 * Answers the topic with its message groups held and everything drained. The counts must change in the write that ends the hold, which
 * requires the version of this one. So no two messages of a group are in two queues with one of them unsettled:
 *
 * - Let the hold be stored at time W. A sender that reads the topic after W sends nothing by message group, at any count.
 * - A sender that read it before uses that copy for METADATA_CACHE_MS at most. A send that is acknowledged within GROUP_SEND_MS is so
 *   before W + METADATA_CACHE_MS + GROUP_SEND_MS. A slower one reads the topic again when it is stored, and is not acknowledged if
 *   it finds the hold. The margin covers clocks that step back by no more than they differ.
 * - So after the wait, everything that was or will be acknowledged at the older count is stored, and the second check for drained
 *   queues sees it. Nothing comes after it: groups stay held until the version changes.
 * - If the changing process dies in between, the hold stays. It ends when a reader finds it past its time and writes so. That changes
 *   the version, so a late write of the counts is refused.
 *
 * There remains a write that the store applies more than those seconds after it was sent (FLIGHT_MS_MAX at most). It was not
 * acknowledged, or by a repeat only. It lies in a queue of the older count, which consumers still visit, and may come out of order.
 */
async function holdGroups(store: Dependencies, current: Topic): Promise<Topic> {
  const { clock, topics, skewMarginMs } = store;
  if (current.heldUntilMs > 0) throw queuesChange(current);
  await requireDrained(store, current, 0);
  const held = await topics.replace(current, { ...current, heldUntilMs: clock.nowMs() + QUEUE_CHANGE_HOLD_MS });
  if (!held) throw changedMeanwhile(current);
  return finishing(async () => {
    try {
      await clock.sleep(METADATA_CACHE_MS + GROUP_SEND_MS + skewMarginMs);
      await requireDrained(store, held, 0);
      return held;
    } catch (error) {
      await topics.replace(held, { ...held, heldUntilMs: 0 });
      throw error;
    }
  });
}

async function lowerWriteQueues(store: Dependencies, current: Topic, wanted: Topic): Promise<Topic> {
  const lowered = await store.topics.replace(current, {
    ...current,
    writeQueues: Math.min(wanted.writeQueues, wanted.readQueues),
    shrunkAtMs: store.clock.nowMs(),
  });
  if (lowered) return lowered;
  throw changedMeanwhile(current);
}

const changedMeanwhile = ({ name }: Topic): BrokerError =>
  new BrokerError("PRECONDITION_FAILED", `Topic '${name}' was changed meanwhile. Read it again and decide anew.`);

/** Errors: PRECONDITION_FAILED if a group has not settled everything in queues `from` and up; it says what was already done. */
async function requireDrained(store: Dependencies, topic: Topic, from: number, alreadyDone = ""): Promise<void> {
  // For message groups, also queues that a late send by an older, higher count may have used.
  const queues = from === 0 ? visitedQueues(topic, store.clock.nowMs()) : topic.readQueues;
  for await (const { group, groupUid, subscriptionUid } of store.subscriptions.subscribers(topic)) {
    // An interrupted deletion leaves subscriptions behind that nobody will drain.
    const owner = await store.items.get(groupKey(group));
    if (!owner || uidOf(owner) !== groupUid) continue;
    for (let queueId = from; queueId < queues; queueId++) {
      const item = await store.items.get(progressKey(subscriptionUid, queueId));
      const queue = queueOf(topic, queueId);
      const { waiting, inFlight } = unsettledIn(await store.log.reader.bounds(queue), item && progressOf(item));
      if (waiting + inFlight === 0) continue;
      throw new BrokerError(
        "PRECONDITION_FAILED",
        `Queue ${queueId} still holds ${waiting} waiting and ${inFlight} in-flight messages for group '${group}'. ` +
          `${from === 0 ? "Let the groups settle them first" : "Lower writeQueues, let the groups drain the queues above, then lower readQueues"}.${alreadyDone}`,
      );
    }
  }
}
