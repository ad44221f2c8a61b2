import { consumersOnline } from "../assignment/consumers-online.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { CLIENTS_PER_LAG_QUEUE } from "../limits.ts";
import type { ListPage, ListRequest } from "../requests.ts";
import type { ConsumerGroup, Subscription, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import type { WaitingReceives } from "../wake/waiting-receives.ts";
import { type Lag, type LagDependencies, type QueueLag, queueLags, sumOf } from "./lag.ts";
import { lagPage } from "./lag-page.ts";

interface Dependencies extends LagDependencies {
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly waiting: WaitingReceives;
}

export interface TopicLag extends Lag {
  readonly topic: string;
  readonly queues: readonly QueueLag[];
}

/** An item of a list, with the sum of its lag. */
export interface WithLag<T> {
  readonly item: T;
  readonly lag: Lag;
  /** False if it has more queues than one request reads: the sum is then that of the first ones. */
  readonly complete: boolean;
}

/** A group of a list. */
export interface GroupWithLag extends WithLag<ConsumerGroup> {
  /** The result of `consumersOnline`. */
  readonly consumersOnline: number;
}

/** The lag of a group, by topic and queue. `after`: the last topic of the page before. Errors: CONSUMER_GROUP_NOT_FOUND. */
export async function groupLag(store: Dependencies, name: string, after?: string): Promise<ListPage<TopicLag>> {
  const group = await store.subscriptions.groups.get(name);
  const subscriptions = await store.subscriptions.getAll(group);
  const items = subscriptions.filter(({ topic }) => after === undefined || topic > after);
  return lagPage(
    { items, next: undefined, complete: true },
    ({ topic }) => topic,
    async (subscription, budget) => {
      const topic = await topicRead(store, subscription);
      if (!topic) return { item: undefined, complete: true };
      if (!budget.take(visitedQueues(topic, store.clock.nowMs()))) return { item: undefined, complete: false };
      const queues = await queueLags(store, subscription, topic);
      return { item: { topic: topic.name, ...sumOf(queues), queues }, complete: true };
    },
  );
}

/** Groups by name, each with its members and the sum of its lag. */
export async function listGroupsWithLag(store: Dependencies, request: ListRequest): Promise<ListPage<GroupWithLag>> {
  const page = await store.subscriptions.groups.list(request);
  return lagPage(
    page,
    ({ name }) => name,
    async (group, budget) => {
      const lags: Lag[] = [];
      const online = await consumersOnline(store, group.uid);
      let complete = budget.take(1 + Math.floor(online / CLIENTS_PER_LAG_QUEUE));
      for (const subscription of complete ? await store.subscriptions.getAll(group) : []) {
        const topic = await topicRead(store, subscription);
        if (!topic) continue;
        complete = budget.take(visitedQueues(topic, store.clock.nowMs()));
        if (!complete) break;
        lags.push(...(await queueLags(store, subscription, topic)));
      }
      return { item: { item: group, lag: sumOf(lags), complete, consumersOnline: online }, complete };
    },
  );
}

/** The topic that is read. Absent if it was deleted, even if another has its name. */
async function topicRead(store: Dependencies, subscription: Subscription): Promise<Topic | undefined> {
  const topic = await store.topics.lookUp(subscription.topic);
  return topic?.uid === subscription.topicUid ? topic : undefined;
}
