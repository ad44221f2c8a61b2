import { subscriberOf, subscriptionOf } from "../group/subscription-codec.ts";
import {
  anchorKey,
  backlogPk,
  clientOffsetsPk,
  DEPARTURES_PK,
  departuresUntil,
  generationKey,
  membersPk,
  movedOutFrom,
  movedOutPk,
  progressKey,
  subscriberKey,
  subscribersPk,
  subscriptionKey,
  subscriptionsPk,
  topicKey,
} from "../keys.ts";
import { isRetryTopic } from "../names.ts";
import type { Item } from "../ports/item-store.ts";
import { progressOf } from "../progress/progress.ts";
import { subscriberQuota, subscriptionQuota, transactCounted } from "../store/quotas.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import { ofUid, uidOf } from "../store/uid-items.ts";
import type { Subscription } from "../terms.ts";
import { topicOf } from "../topic/topic-codec.ts";
import { deleteHash } from "../topic/topics-by-hash.ts";
import { type Departure, departureOf } from "./departure.ts";

const DEPARTURES_PER_PAGE = 25;
const ITEMS_PER_PAGE = 100;

export interface MaintenanceReport {
  /** Deletions whose leftovers are gone. */
  readonly departures: number;
  /** False if the time was over before the work was. */
  readonly complete: boolean;
}

/**
 * Deletes the data that deleted topics, groups and subscriptions, and resets, left behind, until the clock says `untilMs`. Every step
 * can be repeated, also by two at once. The record of a departure goes last.
 */
export async function endDepartures(store: StoreDependencies, untilMs: number): Promise<MaintenanceReport> {
  let departures = 0;
  for (;;) {
    const { items, more } = await store.items.query({
      pk: DEPARTURES_PK,
      to: departuresUntil(store.clock.nowMs()),
      limit: DEPARTURES_PER_PAGE,
    });
    for (const item of items) {
      if (store.clock.nowMs() >= untilMs) return { departures, complete: false };
      await end(store, departureOf(item));
      await store.items.delete(item);
      departures++;
    }
    if (!more) return { departures, complete: true };
  }
}

async function end(store: StoreDependencies, departure: Departure): Promise<void> {
  switch (departure.kind) {
    case "topic":
      await eachOf(store, subscribersPk(departure.uid), (item) => endSubscriber(store, departure, item));
      for (let queueId = 0; queueId < departure.queues; queueId++) await store.items.delete(anchorKey(departure.uid, queueId));
      await store.items.delete(subscriberQuota(departure.uid).key);
      return;
    case "group":
      await deleteAll(store, membersPk(departure.uid));
      await store.items.delete(generationKey(departure.uid));
      await eachOf(store, subscriptionsPk(departure.uid), (item) => endSubscription(store, subscriptionOf(item)));
      await store.items.delete(subscriptionQuota(departure.uid).key);
      return;
    case "subscription":
      return deleteProgress(store, departure.uid, departure.queues);
    case "reset": {
      const [subscriptionUid = "", queueId = ""] = departure.uid.split("#");
      return deleteEarlierGenerations(store, subscriptionUid, Number(queueId));
    }
  }
}

/** Deletes what waited outside a progress item before a reset. If the item is gone, another departure deletes everything. */
async function deleteEarlierGenerations(store: StoreDependencies, subscriptionUid: string, queueId: number): Promise<void> {
  const item = await store.items.get(progressKey(subscriptionUid, queueId));
  if (!item) return;
  const to = movedOutFrom(progressOf(item).generation);
  await deleteAll(store, movedOutPk(subscriptionUid, queueId), to);
  await deleteAll(store, backlogPk(subscriptionUid, queueId), to);
}

/** Ends a subscriber of a deleted topic. The topic's name may belong to another by now, with its own subscriptions. */
async function endSubscriber(store: StoreDependencies, topic: Departure, item: Item): Promise<void> {
  const { groupUid, subscriptionUid } = subscriberOf(item);
  const when = ofUid(subscriptionUid);
  // The case that the group still exists.
  const quotas = isRetryTopic(topic.name) ? [] : [subscriptionQuota(groupUid)];
  await transactCounted(store, [{ kind: "delete", key: subscriptionKey(groupUid, topic.name), when }], quotas, -1);
  await deleteProgress(store, subscriptionUid, topic.queues);
}

/** Ends a subscription of a deleted group. If its topic was deleted too, the topic's departure removes what depends on its queues. */
async function endSubscription(store: StoreDependencies, { uid, topic, topicUid, group }: Subscription): Promise<void> {
  const item = await store.items.get(topicKey(topic));
  if (item === undefined || topicOf(item).uid !== topicUid) return;
  await deleteProgress(store, uid, topicOf(item).queuesEver);
  const when = ofUid(uid);
  const quotas = isRetryTopic(topic) ? [] : [subscriberQuota(topicUid)];
  await transactCounted(store, [{ kind: "delete", key: subscriberKey(topicUid, group), when }], quotas, -1);
  if (!isRetryTopic(topic)) return;
  await store.items.delete(anchorKey(topicUid, 0));
  await store.items.transact([{ kind: "delete", key: topicKey(topic), when: ofUid(topicUid) }, deleteHash(topicUid)]);
}

async function deleteProgress(store: StoreDependencies, subscriptionUid: string, queues: number): Promise<void> {
  for (let queueId = 0; queueId < queues; queueId++) {
    // The item goes first: claims and backlogs only move out of an existing one.
    await store.items.delete(progressKey(subscriptionUid, queueId));
    await deleteAll(store, movedOutPk(subscriptionUid, queueId));
    await deleteAll(store, backlogPk(subscriptionUid, queueId));
  }
  await deleteAll(store, clientOffsetsPk(subscriptionUid));
}

async function deleteAll(store: StoreDependencies, pk: string, to?: string): Promise<void> {
  for (;;) {
    const { items, more } = await store.items.query({ pk, limit: ITEMS_PER_PAGE, ...(to !== undefined && { to }) });
    for (const item of items) await store.items.delete(item);
    if (!more) return;
  }
}

/** Ends each item of a partition: first what depends on it, then the item. */
async function eachOf(store: StoreDependencies, pk: string, endOne: (item: Item) => Promise<void>): Promise<void> {
  for (;;) {
    const { items } = await store.items.query({ pk, limit: ITEMS_PER_PAGE });
    if (items.length === 0) return;
    for (const item of items) {
      await endOne(item);
      await store.items.delete(item, { when: ofUid(uidOf(item)) });
    }
  }
}
