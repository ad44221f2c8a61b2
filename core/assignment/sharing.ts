import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { topicKey } from "../keys.ts";
import { isRetryTopic } from "../names.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ConsumerGroup, Subscription, Topic } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
}

/** A group and the topics that its members share, by name. */
export interface Sharing {
  readonly group: ConsumerGroup;
  readonly topics: readonly Topic[];
}

/** For the request path: up to two seconds old. Errors: CONSUMER_GROUP_NOT_FOUND. */
export async function knownSharing(store: Dependencies, groupName: string): Promise<Sharing> {
  const group = await store.subscriptions.groups.resolve(groupName);
  const subscriptions = await store.subscriptions.resolveAll(group);
  return { group, topics: await topicsOf(subscriptions, ({ topic }) => store.topics.lookUp(topic)) };
}

/** The stored state. Errors: CONSUMER_GROUP_NOT_FOUND, also if another group has the name of `known` by now. */
export async function storedSharing(store: Dependencies, known: ConsumerGroup): Promise<Sharing> {
  const group = await store.subscriptions.groups.get(known.name);
  if (group.uid !== known.uid) {
    throw new BrokerError(
      "CONSUMER_GROUP_NOT_FOUND",
      `Group '${known.name}' was deleted and made anew meanwhile. Repeat the request.`,
    );
  }
  const subscriptions = await store.subscriptions.getAll(group);
  return {
    group,
    topics: await topicsOf(subscriptions, async ({ topic }) => {
      const item = await store.items.get(topicKey(topic));
      return item && topicOf(item);
    }),
  };
}

/** The topics of the subscriptions. A deleted topic's name may belong to another by now. Redriven messages are received, not pulled. */
async function topicsOf(
  subscriptions: readonly Subscription[],
  read: (subscription: Subscription) => Promise<Topic | undefined>,
): Promise<readonly Topic[]> {
  const own = subscriptions.filter(({ topic }) => !isRetryTopic(topic));
  const topics = await Promise.all(own.map(read));
  return topics.filter((topic, index) => topic?.uid === own[index]?.topicUid) as Topic[];
}
