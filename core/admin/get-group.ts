import { consumersOnline } from "../assignment/consumers-online.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import type { ConsumerGroup, Subscription } from "../terms.ts";

type Dependencies = Parameters<typeof consumersOnline>[0] & { readonly subscriptions: SubscriptionRegistry };

/** A group, the subscriptions that users made for it, and how many of its consumers are there. Errors: CONSUMER_GROUP_NOT_FOUND. */
export async function getGroup(
  store: Dependencies,
  name: string,
): Promise<{ group: ConsumerGroup; subscriptions: readonly Subscription[]; consumersOnline: number }> {
  const group = await store.subscriptions.groups.get(name);
  const online = await consumersOnline(store, group.uid);
  return { group, subscriptions: await store.subscriptions.getUserMade(group), consumersOnline: online };
}
