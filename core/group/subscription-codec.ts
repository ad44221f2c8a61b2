import { subscriberKey, subscriptionKey } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import type { EarlierFilter, Filter, Subscription } from "../terms.ts";

/** sub#<group uid> <topic>: [gr] group, [u] uid, [tu] topic uid, [ft fe] filter type and expression, [fh] earlier filters as JSON, [ca ua] created, updated ms, [v] version. */
export const subscriptionItem = (groupUid: string, subscription: Subscription): Item => ({
  ...subscriptionKey(groupUid, subscription.topic),
  gr: subscription.group,
  u: subscription.uid,
  tu: subscription.topicUid,
  ft: subscription.filter.type,
  fe: subscription.filter.expression,
  fh: JSON.stringify(subscription.earlierFilters),
  ca: subscription.createdAtMs,
  ua: subscription.updatedAtMs,
  v: subscription.version,
});

export const subscriptionOf = (item: Item): Subscription => ({
  group: item.gr as string,
  topic: item.sk,
  uid: item.u as string,
  topicUid: item.tu as string,
  filter: { type: item.ft as Filter["type"], expression: item.fe as string },
  earlierFilters: JSON.parse((item.fh as string | undefined) ?? "[]") as EarlierFilter[],
  createdAtMs: item.ca as number,
  updatedAtMs: item.ua as number,
  version: item.v as number,
});

/** by#<topic uid> <group>: [gu] group uid, [u] subscription uid. By it a topic finds its readers. */
export const subscriberItem = (groupUid: string, subscription: Subscription): Item => ({
  ...subscriberKey(subscription.topicUid, subscription.group),
  gu: groupUid,
  u: subscription.uid,
});

export interface Subscriber {
  readonly group: string;
  readonly groupUid: string;
  readonly subscriptionUid: string;
}

export const subscriberOf = (item: Item): Subscriber => ({
  group: item.sk,
  groupUid: item.gu as string,
  subscriptionUid: item.u as string,
});
