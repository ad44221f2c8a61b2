import { subscriberItem, subscriptionItem, subscriptionOf } from "../group/subscription-codec.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { groupKey, subscriptionKey, topicKey } from "../keys.ts";
import { retryTopicName } from "../names.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";
import { freshProgress } from "../progress/progress.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { firstVersion, inPlaceOf, ofUid, uidOf } from "../store/uid-items.ts";
import type { ConsumerGroup, Subscription, Topic } from "../terms.ts";
import { topicItem, topicOf } from "../topic/topic-codec.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { deleteHash, putHash } from "../topic/topics-by-hash.ts";

export interface RetryTopics extends StoreDependencies {
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
}

/**
 * The topic that brings redriven messages of `origin` to this group only. It is made on first use, with the group's subscription to it,
 * and keeps order if the origin does. `undefined` if the group is gone.
 */
export async function retryTopic(store: RetryTopics, group: ConsumerGroup, origin: string): Promise<Topic | undefined> {
  const { items, topics } = store;
  const name = retryTopicName(group.name, origin);
  for (;;) {
    const [topic, subscription] = await items.batchGet([topicKey(name), subscriptionKey(group.uid, name)]);
    if (topic && subscription && subscriptionOf(subscription).topicUid === topicOf(topic).uid) return topicOf(topic);
    const stored = await items.get(groupKey(group.name));
    if (!stored || uidOf(stored) !== group.uid) return undefined;
    const like = await topics.lookUp(origin);
    const settings = like ? { type: like.type, retentionHours: like.retentionHours, flushMode: like.flushMode } : {};
    const made = topics.fresh(name, { ...settings, queues: 1 });
    await items.transact(creation(store, group, made, { topic, subscription }));
    topics.forget(name);
    store.subscriptions.forget(group.uid);
  }
}

/** A topic that already has the name belonged to an earlier group, and is replaced. */
function creation(
  store: RetryTopics,
  group: ConsumerGroup,
  topic: Topic,
  found: { readonly topic: Item | undefined; readonly subscription: Item | undefined },
): readonly TransactWrite[] {
  const subscription: Subscription = {
    group: group.name,
    topic: topic.name,
    topicUid: topic.uid,
    ...firstVersion(store),
    filter: { type: "TAG", expression: "*" },
    earlierFilters: [],
  };
  return [
    { kind: "check", key: groupKey(group.name), when: ofUid(group.uid) },
    { kind: "put", item: topicItem(topic), when: inPlaceOf(found.topic) },
    putHash(topic),
    ...(found.topic ? [deleteHash(uidOf(found.topic))] : []),
    { kind: "put", item: subscriptionItem(group.uid, subscription), when: inPlaceOf(found.subscription) },
    { kind: "put", item: subscriberItem(group.uid, subscription) },
    { kind: "put", item: freshProgress(subscription.uid, 0, 0, 0) },
  ];
}
