import type { Broker } from "./broker.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { Arrivals } from "./consume/arrivals.ts";
import { deleteGroup } from "./consume/delete-group.ts";
import { GroupRegistry } from "./consume/group-registry.ts";
import { ProgressStore } from "./consume/progress-store.ts";
import { pullMessages } from "./consume/pull-messages.ts";
import { ReceiptHandles } from "./consume/receipt-handle.ts";
import { receiveMessages } from "./consume/receive-messages.ts";
import { settleMessages } from "./consume/settle-messages.ts";
import { SubscriptionRegistry } from "./consume/subscription-registry.ts";
import { Turns } from "./consume/turns.ts";
import { CompiledFilters } from "./filter/compiled-filters.ts";
import { type LogDependencies, QueueLog } from "./log/queue-log.ts";
import { endDepartures } from "./maintenance/end-departures.ts";
import { openStore } from "./open-store.ts";
import type { Signer } from "./ports/signer.ts";
import { QueueChoice } from "./produce/queue-choice.ts";
import { sendMessages } from "./produce/send-messages.ts";
import { answering } from "./store-errors.ts";
import { guardQueueCounts } from "./topic/queue-counts.ts";
import { deleteTopic, topicQueues } from "./topic/topic-admin.ts";
import { TopicRegistry } from "./topic/topic-registry.ts";

export interface BrokerDependencies extends LogDependencies {
  readonly signer: Signer;
  readonly settings: BrokerSettings;
}

export interface RunningBroker extends Broker {
  /** Signs what the HTTP layer hands out; stored, so that it survives restarts. */
  readonly signingKey: Uint8Array;
  /** Ends all long polls, now and from now on. */
  stop(): void;
}

/** Errors: `StoreCorrupt` when a newer version wrote this store; `StoreUnavailable`. */
export async function createBroker(dependencies: BrokerDependencies): Promise<RunningBroker> {
  const { items, clock, random, compressor, signer, settings } = dependencies;
  const signingKey = await openStore(items, random);
  const log = new QueueLog(dependencies, settings);
  const topics = new TopicRegistry(dependencies);
  const groups = new GroupRegistry(dependencies, topics);
  const subscriptions = new SubscriptionRegistry({ items, clock, random, log }, groups, topics);
  const arrivals = new Arrivals(clock, settings.polling);
  const admin = { items, clock, log, topics, subscriptions, compressor };
  const guard = guardQueueCounts.bind(undefined, admin);
  const choice = new QueueChoice({ clock, random }, settings.queueChoice);
  const producing = { topics, log, arrivals, clock, choice };
  const handles = new ReceiptHandles(signer, signingKey);
  const progress = new ProgressStore({ items, clock });
  const { skewMarginMs } = settings;
  const filters = new CompiledFilters();
  const turns = new Turns();
  const consuming = {
    items,
    filters,
    turns,
    log,
    progress,
    topics,
    handles,
    arrivals,
    clock,
    random,
    skewMarginMs,
    subscriptions,
  };
  return {
    signingKey,
    stop: () => arrivals.stop(),

    listTopics: (request) => answering(() => topics.list(request)),
    getTopic: (name) => answering(() => topics.get(name)),
    putTopic: (name, wanted, match) => answering(() => topics.put(name, wanted, guard, match)),
    patchTopic: (name, patch, match) => answering(() => topics.patch(name, patch, guard, match)),
    deleteTopic: (name, options) => answering(() => deleteTopic(admin, name, options)),
    topicQueues: (name) => answering(() => topicQueues(admin, name)),

    listGroups: (request) => answering(() => groups.list(request)),
    getGroup: (name) =>
      answering(async () => {
        const group = await groups.get(name);
        return { group, subscriptions: await subscriptions.list(group) };
      }),
    putGroup: (name, wanted, match) => answering(() => groups.put(name, wanted, match)),
    patchGroup: (name, patch, match) => answering(() => groups.patch(name, patch, match)),
    deleteGroup: (name, options) => answering(() => deleteGroup(admin, name, options)),
    getSubscription: (group, topic) => answering(async () => (await subscriptions.get(group, topic)).subscription),
    putSubscription: (group, topic, wanted, match) => answering(() => subscriptions.put(group, topic, wanted, match)),
    deleteSubscription: (group, topic, options) => answering(() => subscriptions.remove(group, topic, options)),

    sendMessages: (topic, entries) => answering(() => sendMessages(producing, topic, entries)),
    pullMessages: (topic, queueId, request, signal) => answering(() => pullMessages(producing, topic, queueId, request, signal)),
    receiveMessages: (group, request, signal) => answering(() => receiveMessages(consuming, group, request, signal)),
    settleMessages: (group, entries) => answering(() => settleMessages(consuming, group, entries)),

    maintain: ({ untilMs }) => answering(() => endDepartures(admin, untilMs)),
  };
}
