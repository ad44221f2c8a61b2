import type { Ownership } from "../assignment/ownership.ts";
import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueBounds } from "../log/queue-reader.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";

/** What commits work with. */
export interface Committing extends Consumption {
  readonly subscriptions: SubscriptionRegistry;
  readonly ownership: Ownership;
}

/**
 * A queue that a group is subscribed to. What this process knows is up to two seconds old, so what it does not find is looked up.
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND (no such subscription or queue).
 */
export async function committedQueue(
  { subscriptions, topics, filters }: Committing,
  groupName: string,
  topicName: string,
  queueId: number,
): Promise<ConsumedQueue> {
  const group = await subscriptions.groups.resolve(groupName);
  const topic = await topics.resolve(topicName);
  const subscription = (await subscriptions.resolveAll(group)).find(({ topicUid }) => topicUid === topic.uid);
  if (subscription && queueId < topic.queuesEver)
    return { group, subscription, topic, queueId, filter: filters.of(subscription) };
  const stored = await subscriptions.get(groupName, topicName);
  const { queuesEver } = stored.topic;
  if (queueId < queuesEver) return { ...stored, queueId, filter: filters.of(stored.subscription) };
  throw new BrokerError("NOT_FOUND", `Topic '${topicName}' has no queue ${queueId}: its queues are 0 to ${queuesEver - 1}.`);
}

/** Errors: OFFSET_ILLEGAL if the queue ends before the offset. */
export async function checkWithin({ log }: Pick<Committing, "log">, queue: ConsumedQueue, offset: number): Promise<void> {
  const read = queueOf(queue.topic, queue.queueId);
  if (offset <= log.reader.knownEnd(read)) return;
  const bounds = await log.reader.bounds(read);
  if (offset > bounds.maxOffset) throw behindTheEnd(queue.queueId, offset, bounds);
}

const behindTheEnd = (queueId: number, offset: number, { minOffset, maxOffset }: QueueBounds): BrokerError =>
  new BrokerError("OFFSET_ILLEGAL", `Offset ${offset} is behind the end of queue ${queueId}, which is ${maxOffset}.`, {
    members: { queueId, minOffset: String(minOffset), maxOffset: String(maxOffset) },
  });

/** Errors: PRECONDITION_FAILED if a commit goes back and was not allowed to. */
export function checkForward(queueId: number, committed: number, offset: number, allowRewind: boolean | undefined): void {
  if (offset >= committed || allowRewind) return;
  const detail = `Queue ${queueId} is committed up to offset ${committed} already. Set allowRewind to go back to ${offset}.`;
  throw new BrokerError("PRECONDITION_FAILED", detail, { members: { queueId, committed: String(committed) } });
}
