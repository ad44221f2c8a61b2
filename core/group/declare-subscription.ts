import { BrokerError } from "../errors.ts";
import { compileFilter } from "../filter/compile-filter.ts";
import { DECLARE_ROUNDS_MAX } from "../limits.ts";
import { checkGroupName, checkReadableTopicName } from "../names.ts";
import type { GroupSettings } from "../requests.ts";
import { finishing } from "../store/store-errors.ts";
import type { Filter, Subscription } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { type Arrivals, groupLane } from "../wake/arrivals.ts";
import type { SubscriptionRegistry } from "./subscription-registry.ts";

interface Dependencies {
  readonly topics: TopicRegistry;
  readonly subscriptions: SubscriptionRegistry;
  readonly arrivals: Arrivals;
}

/** What the settings of a client say that its group reads. */
export interface SubscriptionDeclaration {
  readonly filter: Filter;
  /** Given: an absent group is made with these settings. A group that is there keeps its own. */
  readonly makeGroup?: GroupSettings | undefined;
}

export interface DeclaredSubscription {
  readonly subscription: Subscription;
  readonly created: boolean;
  /** The filter in whose place this one came. */
  readonly replaced: Filter | undefined;
}

/**
 * Subscribes a group as a client declares it. As in RocketMQ, a new subscription starts with the first message of a queue that has lost
 * none, since programs send before their consumers start, and else at the end. Of clients that declare different filters the last one wins.
 * Clients declare often, and nearly always what is so already: that costs no write, and reads only what is known no more. A change that
 * another process made within the last two seconds may be missed so: the next declaration finds it.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, ILLEGAL_FILTER_EXPRESSION, QUOTA_EXCEEDED, those of the names; BAD_REQUEST for
 * the group's own dead letters. SERVER_BUSY: the group was deleted each time that it was made.
 */
export async function declareSubscription(
  store: Dependencies,
  groupName: string,
  topicName: string,
  { filter, makeGroup }: SubscriptionDeclaration,
): Promise<DeclaredSubscription> {
  checkGroupName(groupName);
  checkReadableTopicName(topicName);
  const known = await knownAlike(store, groupName, topicName, filter);
  if (known) return { subscription: known, created: false, replaced: undefined };
  compileFilter(filter);
  // Nothing is made for a topic that is not there.
  await store.topics.get(topicName);
  for (let round = 0; round < DECLARE_ROUNDS_MAX; round++) {
    if (makeGroup) await store.subscriptions.groups.make(groupName, makeGroup);
    try {
      const put = await store.subscriptions.put(groupName, topicName, { filter, startFrom: "wholeOrLatest" });
      if (put.created || put.replaced) {
        const { uid } = await finishing(() => store.subscriptions.groups.resolve(groupName));
        store.arrivals.ring(groupLane(uid));
      }
      return put;
    } catch (error) {
      // It was deleted meanwhile.
      if (!makeGroup || !BrokerError.is(error) || error.code !== "CONSUMER_GROUP_NOT_FOUND") throw error;
    }
  }
  throw new BrokerError("SERVER_BUSY", `Group '${groupName}' is being deleted. Try again.`);
}

/** The subscription, if it is already as declared, as far as this process knows. */
async function knownAlike(
  { topics, subscriptions }: Dependencies,
  groupName: string,
  topicName: string,
  { type, expression }: Filter,
): Promise<Subscription | undefined> {
  const [group, topic] = await Promise.all([subscriptions.groups.lookUp(groupName), topics.lookUp(topicName)]);
  if (!group || !topic) return undefined;
  const subscription = (await subscriptions.resolveAll(group)).find((one) => one.topicUid === topic.uid);
  return subscription?.filter.type === type && subscription.filter.expression === expression ? subscription : undefined;
}
