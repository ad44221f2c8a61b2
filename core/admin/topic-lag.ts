import { type Subscriber, subscriberOf, subscriptionOf } from "../group/subscription-codec.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { groupKey, subscribersPk, subscriptionKey } from "../keys.ts";
import { listNames } from "../list-names.ts";
import type { ListPage, ListRequest } from "../requests.ts";
import { uidOf } from "../store/uid-items.ts";
import type { Subscription, Topic, TopicType } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import type { WithLag } from "./group-lag.ts";
import { boundsOnce, type Lag, type LagDependencies, queueLags, sumOf } from "./lag.ts";
import { lagPage } from "./lag-page.ts";

interface Dependencies extends LagDependencies {
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
}

/** The groups that read a topic, by name, each with the sum of its lag on it. Errors: TOPIC_NOT_FOUND. */
export async function topicGroups(
  store: Dependencies,
  name: string,
  request: ListRequest,
): Promise<ListPage<WithLag<Subscription>>> {
  const topic = await store.topics.get(name);
  const page = await listNames(store.items, subscribersPk(topic.uid), request, subscriberOf);
  const bounds = boundsOnce(store, topic);
  return lagPage(
    page,
    ({ group }) => group,
    async (subscriber, budget) => {
      const complete = budget.take(visitedQueues(topic, store.clock.nowMs()));
      const subscription = complete ? await subscriptionBehind(store, topic, subscriber) : undefined;
      if (!subscription) return { item: undefined, complete };
      return {
        item: { item: subscription, lag: sumOf(await queueLags(store, subscription, topic, bounds)), complete },
        complete,
      };
    },
  );
}

/** Topics by name, each with the sum of the lags of all groups that read it. */
export async function listTopicsWithLag(
  store: Dependencies,
  request: ListRequest & { readonly type?: TopicType | undefined },
): Promise<ListPage<WithLag<Topic>>> {
  return lagPage(
    await store.topics.list(request),
    ({ name }) => name,
    async (topic, budget) => {
      const bounds = boundsOnce(store, topic);
      const lags: Lag[] = [];
      let complete = budget.take(1);
      if (complete)
        for await (const subscriber of store.subscriptions.subscribers(topic)) {
          complete = budget.take(visitedQueues(topic, store.clock.nowMs()));
          if (!complete) break;
          const subscription = await subscriptionBehind(store, topic, subscriber);
          if (subscription) lags.push(...(await queueLags(store, subscription, topic, bounds)));
        }
      return { item: { item: topic, lag: sumOf(lags), complete }, complete };
    },
  );
}

/** Absent if an interrupted deletion left only the subscriber. */
async function subscriptionBehind(
  store: Dependencies,
  topic: Topic,
  { group, groupUid, subscriptionUid }: Subscriber,
): Promise<Subscription | undefined> {
  const [groupItem, item] = await store.items.batchGet([groupKey(group), subscriptionKey(groupUid, topic.name)]);
  const isThere = groupItem && item && uidOf(groupItem) === groupUid && uidOf(item) === subscriptionUid;
  return isThere ? subscriptionOf(item) : undefined;
}
