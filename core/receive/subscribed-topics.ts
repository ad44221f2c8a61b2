import { BrokerError } from "../errors.ts";
import type { MessageFilter } from "../filter/compile-filter.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { PROBES_MAX } from "../limits.ts";
import { shownTopicName } from "../names.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { ConsumerGroup, Subscription, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import { consumerLane, type RungQueues } from "../wake/arrivals.ts";

/** A topic that a group reads. */
export interface SubscribedTopic {
  readonly subscription: Subscription;
  readonly topic: Topic;
  readonly filter: MessageFilter;
}

/**
 * The topics that a receive reads: those that the request names, or else all that the group is subscribed to and may read.
 * Errors: BAD_REQUEST (not subscribed), FORBIDDEN (a named topic, or every topic, may not be read).
 */
export async function subscribedTopics(
  consumption: Consumption & { readonly subscriptions: SubscriptionRegistry },
  group: ConsumerGroup,
  names: readonly string[] | undefined,
): Promise<readonly SubscribedTopic[]> {
  const subscriptions = await consumption.subscriptions.resolveAll(group);
  const missing = names?.find((name) => !subscriptions.some(({ topic }) => shownTopicName(topic) === name));
  if (missing !== undefined || subscriptions.length === 0) {
    const what = missing === undefined ? "any topic" : `topic '${missing}'`;
    const path = `PUT /v1/groups/${group.name}/subscriptions/${missing ?? "{topic}"}`;
    throw new BrokerError("BAD_REQUEST", `Group '${group.name}' is not subscribed to ${what}. Subscribe it with ${path}.`);
  }
  const topics: SubscribedTopic[] = [];
  let unreadable: Topic | undefined;
  for (const subscription of subscriptions) {
    if (names && !names.includes(shownTopicName(subscription.topic))) continue;
    const topic = await consumption.topics.lookUp(subscription.topic);
    // The topic was deleted. A new topic of the same name needs a subscription of its own.
    if (topic?.uid !== subscription.topicUid) continue;
    if (topic.perm & 4) topics.push({ subscription, topic, filter: consumption.filters.of(subscription) });
    else unreadable ??= topic;
  }
  if (unreadable && (names || topics.length === 0))
    throw new BrokerError("FORBIDDEN", `Topic '${unreadable.name}' does not allow reading: its perm is ${unreadable.perm}.`);
  return topics;
}

/** Topics and their queues in an order that `turn` rotates. The queues of a PRIORITY topic go from the highest down. */
export function visitingOrder(
  group: ConsumerGroup,
  topics: readonly SubscribedTopic[],
  turn: number,
  nowMs: number,
): readonly ConsumedQueue[] {
  return topics.flatMap((_, index) => {
    const { subscription, topic, filter } = topics[(index + turn) % topics.length] as SubscribedTopic;
    const length = visitedQueues(topic, nowMs);
    // After each topic has come first once, the start moves on by one queue. So each queue of each topic comes first in turn.
    const start = Math.floor(turn / topics.length);
    return Array.from({ length }, (_unused, queue) => {
      const queueId = topic.type === "PRIORITY" ? length - 1 - queue : (queue + start) % length;
      return { group, subscription, topic, queueId, filter };
    });
  });
}

/** The queues in which something arrived. */
export const rungOf = (queues: readonly ConsumedQueue[], rung: RungQueues): readonly ConsumedQueue[] =>
  queues.filter(({ subscription, queueId }) => {
    const ids = rung.get(consumerLane(subscription.uid));
    return ids === "any" || ids?.has(queueId);
  });

/** The queues that one poll reads: a fixed number, starting after the last poll's. So a poll costs the same for any number of queues. */
export const someOf = (queues: readonly ConsumedQueue[], from: number): readonly ConsumedQueue[] =>
  queues.length <= PROBES_MAX
    ? queues
    : Array.from({ length: PROBES_MAX }, (_, index) => queues[(from + index) % queues.length] as ConsumedQueue);
