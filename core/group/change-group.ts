import type { GroupSettings, Nullable, VersionMatch } from "../requests.ts";
import { finishing } from "../store/store-errors.ts";
import type { ConsumerGroup, Subscription } from "../terms.ts";
import { type Arrivals, groupLane } from "../wake/arrivals.ts";
import type { SubscriptionRegistry, SubscriptionSettings } from "./subscription-registry.ts";

interface Dependencies {
  readonly subscriptions: SubscriptionRegistry;
  readonly arrivals: Arrivals;
}

/** Creates or changes a group, as `GroupRegistry.put`. Waiting consumers are told. */
export async function putGroup(
  { subscriptions, arrivals }: Dependencies,
  name: string,
  settings: GroupSettings,
  match?: VersionMatch,
): Promise<{ group: ConsumerGroup; created: boolean }> {
  const put = await subscriptions.groups.put(name, settings, match);
  arrivals.ring(groupLane(put.group.uid));
  return put;
}

/** Changes a group, as `GroupRegistry.patch`. Waiting consumers are told. */
export async function patchGroup(
  { subscriptions, arrivals }: Dependencies,
  name: string,
  patch: Nullable<GroupSettings>,
  match?: VersionMatch,
): Promise<ConsumerGroup> {
  const group = await subscriptions.groups.patch(name, patch, match);
  // Messages that came while the group was paused rang no consumer that could take them.
  arrivals.ring(groupLane(group.uid));
  return group;
}

/** As `SubscriptionRegistry.put`. Waiting consumers look for existing messages, and are woken by new ones. */
export async function putSubscription(
  { subscriptions, arrivals }: Dependencies,
  { group, topic }: { readonly group: string; readonly topic: string },
  settings: SubscriptionSettings,
  match?: VersionMatch,
): Promise<{ subscription: Subscription; created: boolean }> {
  const put = await subscriptions.put(group, topic, settings, match);
  const { uid } = await finishing(() => subscriptions.groups.resolve(group));
  arrivals.ring(groupLane(uid));
  return put;
}
