import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import { compileFilter } from "../filter/compile-filter.ts";
import { groupKey, progressKey, subscriberKey, subscribersPk, subscriptionKey, subscriptionsPk, topicKey } from "../keys.ts";
import { EARLIER_FILTERS_MAX } from "../limits.ts";
import { FLIGHT_MS_MAX } from "../log/log-limits.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { deadLetterTopicName, isRetryTopic } from "../names.ts";
import type { Item, Key, TransactWrite } from "../ports/item-store.ts";
import { freshProgress, progressOf, unsettledIn } from "../progress/progress.ts";
import type { SubscriptionDeletion, VersionMatch } from "../requests.ts";
import { everyItem } from "../store/every-item.ts";
import { MetadataCache } from "../store/metadata-cache.ts";
import { checkQuotas, subscriberQuota, subscriptionQuota, transactCounted } from "../store/quotas.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { firstVersion, inPlaceOf, ofUid, ofVersion } from "../store/uid-items.ts";
import { checkVersion } from "../store/version-match.ts";
import type { ConsumerGroup, Filter, StartFrom, Subscription, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { GroupRegistry } from "./group-registry.ts";
import { type Subscriber, subscriberItem, subscriberOf, subscriptionItem, subscriptionOf } from "./subscription-codec.ts";

const EVERYTHING: Filter = { type: "TAG", expression: "*" };
const SUBSCRIBERS_PER_PAGE = 100;
/** How long the creation of a subscription may take before it is given up. */
const MAKING_MS_MAX = 60_000;

interface Dependencies extends StoreDependencies {
  readonly log: QueueLog;
}

export interface SubscriptionSettings {
  readonly filter?: Filter | undefined;
  /** `wholeOrLatest`: with the first message of a queue that has lost none, and else with the next one. */
  readonly startFrom?: StartFrom | "wholeOrLatest" | undefined;
}

type Start = NonNullable<SubscriptionSettings["startFrom"]>;

/** The subscriptions of groups to topics, with their progress items. */
export class SubscriptionRegistry {
  readonly groups: GroupRegistry;
  readonly #store: Dependencies;
  readonly #topics: TopicRegistry;
  readonly #cache: MetadataCache<readonly Subscription[]>;

  constructor(store: Dependencies, groups: GroupRegistry, topics: TopicRegistry) {
    this.groups = groups;
    this.#store = store;
    this.#topics = topics;
    this.#cache = new MetadataCache(store.clock);
  }

  /** For the request path: up to two seconds old. */
  async resolveAll(group: ConsumerGroup): Promise<readonly Subscription[]> {
    return (await this.#cache.get(group.uid, () => this.getAll(group))) ?? [];
  }

  /** Every stored subscription, including those to deleted topics. Callers must compare `topicUid`. */
  async getAll(group: ConsumerGroup): Promise<readonly Subscription[]> {
    const subscriptions: Subscription[] = [];
    // All are read: concurrent subscribers may exceed the limit, and none may be left unread.
    const query = { pk: subscriptionsPk(group.uid), limit: SUBSCRIBERS_PER_PAGE };
    for await (const item of everyItem(this.#store.items, query)) subscriptions.push(subscriptionOf(item));
    return subscriptions;
  }

  /** The subscriptions that users made. The broker makes others, for redriven messages. */
  async getUserMade(group: ConsumerGroup): Promise<readonly Subscription[]> {
    return (await this.getAll(group)).filter(({ topic }) => !isRetryTopic(topic));
  }

  forget(groupUid: string): void {
    this.#cache.forget(groupUid);
  }

  /** Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND. */
  async get(groupName: string, topicName: string): Promise<{ subscription: Subscription; group: ConsumerGroup; topic: Topic }> {
    const group = await this.groups.get(groupName);
    const topic = await this.#topics.get(topicName);
    const subscription = await this.#read(group, topic);
    if (subscription) return { subscription, group, topic };
    throw new BrokerError("NOT_FOUND", `Group '${groupName}' is not subscribed to topic '${topicName}'. Subscribe it with PUT.`);
  }

  /**
   * Subscribes, or changes the filter, and answers the one that it replaced. The progress of an existing subscription stays as it is.
   * `startFrom` is resolved to offsets before the answer, so nothing sent after the answer is missed.
   * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, ILLEGAL_FILTER_EXPRESSION, PRECONDITION_FAILED, QUOTA_EXCEEDED; BAD_REQUEST for
   * the group's own dead letters.
   */
  async put(
    groupName: string,
    topicName: string,
    settings: SubscriptionSettings,
    match?: VersionMatch,
  ): Promise<{ subscription: Subscription; created: boolean; replaced: Filter | undefined }> {
    if (settings.filter) compileFilter(settings.filter);
    if (topicName === deadLetterTopicName(groupName)) throw ownDeadLetters(groupName);
    for (;;) {
      const group = await this.groups.get(groupName);
      const topic = await this.#topics.get(topicName);
      const current = await this.#read(group, topic);
      checkVersion(current, match);
      if (current) {
        const changed = await this.#change(group, current, settings.filter);
        const replaced = changed === current ? undefined : current.filter;
        if (changed) return { subscription: changed, created: false, replaced };
        continue;
      }
      const subscription = await this.#create(group, topic, settings);
      if (subscription) return { subscription, created: true, replaced: undefined };
    }
  }

  async remove(
    groupName: string,
    topicName: string,
    options: { dryRun: boolean; ifMatch?: VersionMatch | undefined },
  ): Promise<SubscriptionDeletion> {
    const { subscription, group, topic } = await this.get(groupName, topicName);
    checkVersion(subscription, options.ifMatch);
    const deletion = { subscription, ...(await this.#left(subscription, topic)) };
    if (!options.dryRun) await this.unsubscribe(group.uid, subscription, topic.queuesEver);
    return deletion;
  }

  /** Removes the subscription at once. Its progress, to which nothing leads then, is removed by maintenance. */
  async unsubscribe(groupUid: string, subscription: Subscription, queues: number): Promise<void> {
    // Only this subscription: another may have replaced it meanwhile, also for a new group of the same name.
    const when = ofUid(subscription.uid);
    const key = subscriptionKey(groupUid, subscription.topic);
    const leaving = departs({ kind: "subscription", uid: subscription.uid, name: "", queues }, this.#store.clock.nowMs());
    const ending = { kind: "delete", key, when } as const;
    const subscriber = { kind: "delete", key: subscriberKey(subscription.topicUid, subscription.group), when } as const;
    const quotas = isRetryTopic(subscription.topic) ? [] : [subscriptionQuota(groupUid), subscriberQuota(subscription.topicUid)];
    const both = await transactCounted(this.#store, [ending, subscriber, leaving], quotas, -1);
    if (!both.ok) await transactCounted(this.#store, [ending, leaving], quotas.slice(0, 1), -1);
    this.#cache.forget(groupUid);
  }

  /** Every group that reads the topic, read page by page. */
  async *subscribers(topic: Topic): AsyncGenerator<Subscriber> {
    const query = { pk: subscribersPk(topic.uid), limit: SUBSCRIBERS_PER_PAGE };
    for await (const item of everyItem(this.#store.items, query)) yield subscriberOf(item);
  }

  /** `undefined`: another request changed it meanwhile. The next receive uses the new filter on what the old one has not passed over. */
  async #change(group: ConsumerGroup, current: Subscription, filter: Filter | undefined): Promise<Subscription | undefined> {
    const { type, expression } = current.filter;
    if (!filter || (filter.type === type && filter.expression === expression)) return current;
    const nowMs = this.#store.clock.nowMs();
    const replaced = { type, expression, version: current.version, replacedAtMs: nowMs };
    const subscription = {
      ...current,
      filter,
      earlierFilters: [replaced, ...current.earlierFilters].slice(0, EARLIER_FILTERS_MAX),
      updatedAtMs: nowMs,
      version: current.version + 1,
    };
    const result = await this.#store.items.put(subscriptionItem(group.uid, subscription), {
      when: ofVersion(current),
    });
    this.#cache.forget(group.uid);
    return result.ok ? subscription : undefined;
  }

  async #create(
    group: ConsumerGroup,
    topic: Topic,
    { filter = EVERYTHING, startFrom = "latest" }: SubscriptionSettings,
  ): Promise<Subscription | undefined> {
    // Existing items belong to an earlier topic or group of the name, and are replaced.
    const [ofOldTopic, ofOldGroup] = await this.#store.items.batchGet([
      subscriptionKey(group.uid, topic.name),
      subscriberKey(topic.uid, group.name),
    ]);
    const quotas = [...(ofOldTopic ? [] : [subscriptionQuota(group.uid)]), ...(ofOldGroup ? [] : [subscriberQuota(topic.uid)])];
    await checkQuotas(this.#store, quotas);
    const first = firstVersion(this.#store);
    // The progress is written first, covered by a departure until the subscription exists. So an interruption leaves nothing behind.
    const unmade = departs(
      { kind: "subscription", uid: first.uid, name: "", queues: topic.queuesEver },
      first.createdAtMs + FLIGHT_MS_MAX,
    );
    await this.#store.items.put(unmade.item);
    await this.#createProgress(first.uid, topic, startFrom);
    // Writes that are sent from here on are applied before the departure is due.
    if (this.#store.clock.nowMs() - first.createdAtMs > MAKING_MS_MAX) throw tooSlow(topic);
    const subscription: Subscription = {
      group: group.name,
      topic: topic.name,
      topicUid: topic.uid,
      ...first,
      filter,
      earlierFilters: [],
    };
    const writes: readonly TransactWrite[] = [
      { kind: "check", key: groupKey(group.name), when: ofUid(group.uid) },
      { kind: "check", key: topicKey(topic.name), when: ofUid(topic.uid) },
      { kind: "put", item: subscriptionItem(group.uid, subscription), when: inPlaceOf(ofOldTopic) },
      { kind: "put", item: subscriberItem(group.uid, subscription), when: inPlaceOf(ofOldGroup) },
      { kind: "delete", key: keyOf(unmade.item), when: [{ op: "exists", name: "pk" }] },
    ];
    const result = await transactCounted(this.#store, writes, quotas, 1);
    this.#cache.forget(group.uid);
    return result.ok ? subscription : undefined;
  }

  async #createProgress(uid: string, topic: Topic, startFrom: Start): Promise<void> {
    for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
      const queue = queueOf(topic, queueId);
      const next = await this.#startOffset(queue, startFrom);
      const hint = await this.#store.log.reader.hintFor(queue, next);
      await this.#store.items.put(freshProgress(uid, queueId, next, hint));
    }
  }

  async #startOffset(queue: Queue, startFrom: Start): Promise<number> {
    const { reader } = this.#store.log;
    switch (startFrom) {
      case "latest":
        return reader.maxOffset(queue);
      case "earliest":
        return reader.minOffset(queue);
      case "wholeOrLatest":
        return (await reader.minOffset(queue)) === 0 ? 0 : reader.maxOffset(queue);
      default:
        return reader.offsetAt(queue, startFrom);
    }
  }

  async #left(subscription: Subscription, topic: Topic): Promise<{ waiting: number; inFlight: number }> {
    let waiting = 0;
    let inFlight = 0;
    for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
      const item = await this.#store.items.get(progressKey(subscription.uid, queueId));
      if (!item) continue;
      const left = unsettledIn(await this.#store.log.reader.bounds(queueOf(topic, queueId)), progressOf(item));
      waiting += left.waiting;
      inFlight += left.inFlight;
    }
    return { waiting, inFlight };
  }

  async #read(group: ConsumerGroup, topic: Topic): Promise<Subscription | undefined> {
    const item = await this.#store.items.get(subscriptionKey(group.uid, topic.name));
    const subscription = item && subscriptionOf(item);
    return subscription?.topicUid === topic.uid ? subscription : undefined;
  }
}

const keyOf = ({ pk, sk }: Item): Key => ({ pk, sk });

const tooSlow = ({ name }: Topic): BrokerError =>
  new BrokerError(
    "SERVER_BUSY",
    `It took too long to find out where to start on topic '${name}'. Nothing was changed; try again.`,
  );

/** What dies again would come back to where it died, without an end. */
const ownDeadLetters = (group: string): BrokerError =>
  new BrokerError(
    "BAD_REQUEST",
    `Group '${group}' cannot read its own dead letters. Redrive them, or read them in another group.`,
  );
