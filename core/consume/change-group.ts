import type { GroupSettings, Nullable, VersionMatch } from "../broker.ts";
import { finishing } from "../store-errors.ts";
import type { ConsumerGroup } from "../terms.ts";
import { type Arrivals, consumerLane } from "./arrivals.ts";
import type { SubscriptionRegistry } from "./subscription-registry.ts";

interface Dependencies {
  readonly subscriptions: SubscriptionRegistry;
  readonly arrivals: Arrivals;
}

/** Creates or changes a group; as `GroupRegistry.put`. Consumers that wait hear of it when it is not paused any more. */
export async function putGroup(
  { subscriptions, arrivals }: Dependencies,
  name: string,
  settings: GroupSettings,
  match?: VersionMatch,
): Promise<{ group: ConsumerGroup; created: boolean }> {
  const put = await subscriptions.groups.put(name, settings, match);
  if (settings.paused !== undefined) await finishing(() => wakeUnlessPaused({ subscriptions, arrivals }, put.group));
  return put;
}

/** Changes a group; as `GroupRegistry.patch`. Consumers that wait hear of it when it is not paused any more. */
export async function patchGroup(
  { subscriptions, arrivals }: Dependencies,
  name: string,
  patch: Nullable<GroupSettings>,
  match?: VersionMatch,
): Promise<ConsumerGroup> {
  const group = await subscriptions.groups.patch(name, patch, match);
  if (patch.paused !== undefined) await finishing(() => wakeUnlessPaused({ subscriptions, arrivals }, group));
  return group;
}

/** What came while the group was paused rang nobody who could take it. */
async function wakeUnlessPaused({ subscriptions, arrivals }: Dependencies, group: ConsumerGroup): Promise<void> {
  if (group.paused) return;
  for (const { uid } of await subscriptions.list(group)) arrivals.ring(consumerLane(uid));
}
