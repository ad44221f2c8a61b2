import { type Subscriber, subscriptionOf } from "../group/subscription-codec.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { subscriptionKey } from "../keys.ts";
import { nextBase } from "../log/block.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { storedAtMsOf, tailBytes } from "../log/slices.ts";
import { checkUserTopicName, isDeadLetterTopic } from "../names.ts";
import type { Compressor } from "../ports/compressor.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { QueueRoute, TopicDeletion, VersionMatch } from "../requests.ts";
import { finishing } from "../store/store-errors.ts";
import { checkVersion } from "../store/version-match.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly compressor: Compressor;
}

/** A topic's queues, one row for each that can be read. */
export async function topicQueues(store: Dependencies, name: string): Promise<readonly QueueRoute[]> {
  const topic = await store.topics.get(name);
  return Promise.all(Array.from({ length: topic.readQueues }, (_, queueId) => queueRoute(store, topic, queueId)));
}

async function queueRoute(store: Dependencies, topic: Topic, queueId: number): Promise<QueueRoute> {
  const queue = queueOf(topic, queueId);
  const tail = await store.log.reader.tail(queue);
  const maxOffset = tail ? nextBase(tail) : await store.log.reader.maxOffset(queue);
  return {
    queueId,
    readable: (topic.perm & 4) !== 0,
    writable: (topic.perm & 2) !== 0 && queueId < topic.writeQueues && !isDeadLetterTopic(topic.name),
    minOffset: tail ? await store.log.reader.minOffset(queue) : maxOffset,
    maxOffset,
    lastStoredAtMs: tail && storedAtMsOf(tail, maxOffset - 1),
    tailBytes: tail ? tailBytes(tail, store.compressor) : 0,
  };
}

/**
 * Deletes a topic. From then on its messages cannot be read, and the groups that read it lose their progress on it. Stored data is
 * removed when its retention would have ended.
 */
export async function deleteTopic(
  store: Dependencies,
  name: string,
  options: { dryRun: boolean; ifMatch?: VersionMatch | undefined },
): Promise<TopicDeletion> {
  checkUserTopicName(name);
  for (;;) {
    const topic = await store.topics.get(name);
    checkVersion(topic, options.ifMatch);
    const subscribers: Subscriber[] = [];
    for await (const subscriber of store.subscriptions.subscribers(topic)) subscribers.push(subscriber);
    const deletion = { topic, messages: await messagesIn(store, topic), groups: subscribers.map(({ group }) => group) };
    if (options.dryRun) return deletion;
    if (!(await store.topics.remove(topic))) continue;
    // The topic is gone. A failure can only leave subscriptions, which receives skip.
    await finishing(() => removeSubscriptions(store, topic, subscribers));
    return deletion;
  }
}

async function removeSubscriptions(store: Dependencies, topic: Topic, subscribers: readonly Subscriber[]): Promise<void> {
  for (const { groupUid } of subscribers) {
    const item = await store.items.get(subscriptionKey(groupUid, topic.name));
    const subscription = item && subscriptionOf(item);
    if (subscription?.topicUid === topic.uid) await store.subscriptions.unsubscribe(groupUid, subscription, topic.queuesEver);
  }
}

async function messagesIn(store: Dependencies, topic: Topic): Promise<number> {
  let messages = 0;
  for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
    const queue = queueOf(topic, queueId);
    const [minOffset, maxOffset] = await Promise.all([store.log.reader.minOffset(queue), store.log.reader.maxOffset(queue)]);
    messages += maxOffset - minOffset;
  }
  return messages;
}
