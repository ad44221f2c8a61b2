import { BrokerError } from "../errors.ts";
import { countKey, GROUPS_PK, subscribersPk, subscriptionsPk, TOPICS_PK } from "../keys.ts";
import { GROUPS_MAX, SUBSCRIBERS_MAX, SUBSCRIPTIONS_MAX, TOPICS_MAX } from "../limits.ts";
import { isRetryTopic, isSystemTopic } from "../names.ts";
import type { Item, ItemStore, Key, TransactResult, TransactWrite } from "../ports/item-store.ts";
import { afterConflicts } from "./after-conflicts.ts";
import { everyItem } from "./every-item.ts";
import type { StoreDependencies } from "./store-dependencies.ts";

/**
 * A limit on the number of something. An item counts it, and changes in the transaction that creates or deletes one. So concurrent
 * requests do not exceed the limit, nothing is counted on the request path, and no crash separates the count from the reality.
 *
 *   count  topics | groups | subscriptions-<group uid> | subscribers-<topic uid>   [n] how many there are
 */
export interface Quota {
  readonly key: Key;
  readonly max: number;
  /** The message when it is used up: what there is too much of, and what makes room. */
  readonly usedUp: string;
  /** The partition of the counted items. The broker's own do not count. */
  readonly pk: string;
  readonly counts: (item: Item) => boolean;
}

export const TOPIC_QUOTA: Quota = {
  key: countKey("topics"),
  max: TOPICS_MAX,
  usedUp: `There are ${TOPICS_MAX} topics, the most there can be. Delete one first.`,
  pk: TOPICS_PK,
  counts: ({ sk }) => !isSystemTopic(sk),
};

export const GROUP_QUOTA: Quota = {
  key: countKey("groups"),
  max: GROUPS_MAX,
  usedUp: `There are ${GROUPS_MAX} groups, the most there can be. Delete one first.`,
  pk: GROUPS_PK,
  counts: () => true,
};

/** Topics that a group reads. */
export const subscriptionQuota = (groupUid: string): Quota => ({
  key: countKey(`subscriptions-${groupUid}`),
  max: SUBSCRIPTIONS_MAX,
  usedUp: `The group has ${SUBSCRIPTIONS_MAX} subscriptions, the most a group can have. Delete one, or use another group.`,
  pk: subscriptionsPk(groupUid),
  counts: ({ sk }) => !isRetryTopic(sk),
});

/** Groups that read a topic. */
export const subscriberQuota = (topicUid: string): Quota => ({
  key: countKey(`subscribers-${topicUid}`),
  max: SUBSCRIBERS_MAX,
  usedUp: `${SUBSCRIBERS_MAX} groups read the topic, the most there can be. Delete a subscription first.`,
  pk: subscribersPk(topicUid),
  counts: () => true,
});

const ITEMS_PER_PAGE = 1_000;

/**
 * Runs a transaction that creates (`by` 1) or deletes (`by` −1) something that the quotas count. Answers the failures of `writes`
 * alone.
 * Errors: QUOTA_EXCEEDED if a quota is used up, `StoreUnavailable`. Neither changed anything, except with an unknown outcome.
 */
export async function transactCounted(
  store: StoreDependencies,
  writes: readonly TransactWrite[],
  quotas: readonly Quota[],
  by: 1 | -1,
): Promise<TransactResult> {
  const counting = quotas.map((quota) => countingWrite(quota, by));
  for (;;) {
    const result = await afterConflicts(store, () => store.items.transact([...writes, ...counting]));
    if (result.ok) return result;
    const failures = result.failures.slice(0, writes.length);
    // Others create and delete too: a failed write says more than the count.
    if (failures.some((failure) => failure !== undefined)) return { ok: false, failures };
    for (const [index, quota] of quotas.entries()) {
      const failure = result.failures[writes.length + index];
      if (failure?.current) throw new BrokerError("QUOTA_EXCEEDED", quota.usedUp);
      if (failure) await startCount(store.items, quota);
    }
  }
}

/** Checks, before anything is prepared, whether there seems to be room. Only the transaction decides. Errors: QUOTA_EXCEEDED. */
export async function checkQuotas({ items }: Pick<StoreDependencies, "items">, quotas: readonly Quota[]): Promise<void> {
  if (quotas.length === 0) return;
  const counts = await items.batchGet(quotas.map(({ key }) => key));
  const usedUp = quotas.find(({ max }, index) => ((counts[index]?.n as number | undefined) ?? 0) >= max);
  if (usedUp) throw new BrokerError("QUOTA_EXCEEDED", usedUp.usedUp);
}

function countingWrite({ key, max }: Quota, by: 1 | -1): TransactWrite {
  const changes = [{ op: "increment", name: "n", by }] as const;
  return { kind: "update", key, changes, when: [by > 0 ? { op: "<", name: "n", value: max } : { op: "exists", name: "n" }] };
}

/** Creates the count. Without it nothing can be created or deleted, so it starts right. */
async function startCount(items: ItemStore, { key, pk, counts }: Quota): Promise<void> {
  let count = 0;
  for await (const item of everyItem(items, { pk, limit: ITEMS_PER_PAGE })) if (counts(item)) count++;
  await items.put({ ...key, n: count }, { when: [{ op: "absent", name: "pk" }] });
}
