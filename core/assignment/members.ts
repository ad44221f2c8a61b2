import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { membersPk } from "../keys.ts";
import { listNames } from "../list-names.ts";
import { isRetryTopic } from "../names.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ListPage, ListRequest } from "../requests.ts";
import type { Member } from "../terms.ts";
import { checkClientId } from "./client-id.ts";
import { memberOf } from "./member-codec.ts";
import { deleteLive, isLive } from "./member-store.ts";

interface Dependencies {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly subscriptions: SubscriptionRegistry;
}

export interface ListedMember extends Member {
  /** All of the group's, if it named none. */
  readonly subscriptions: ReadonlySet<string>;
}

/** A group's members by client id. Errors: CONSUMER_GROUP_NOT_FOUND. */
export async function listMembers(
  { items, clock, subscriptions }: Dependencies,
  groupName: string,
  request: ListRequest,
): Promise<ListPage<ListedMember>> {
  const group = await subscriptions.groups.get(groupName);
  const topics = (await subscriptions.getAll(group)).map(({ topic }) => topic);
  const all = new Set(topics.filter((topic) => !isRetryTopic(topic)));
  const nowMs = clock.nowMs();
  return listNames(items, membersPk(group.uid), request, (item) => {
    const member = memberOf(item);
    return isLive(member, nowMs) ? { ...member, subscriptions: member.subscriptions ?? all } : undefined;
  });
}

/** Ends a membership. Its queues go to others with the next heartbeat. Errors: CONSUMER_GROUP_NOT_FOUND, NOT_FOUND, BAD_REQUEST. */
export async function removeMember(
  { items, clock, subscriptions }: Dependencies,
  groupName: string,
  clientId: string,
): Promise<void> {
  checkClientId(clientId);
  const group = await subscriptions.groups.get(groupName);
  if (await deleteLive(items, group.uid, clientId, clock.nowMs())) return;
  throw new BrokerError("NOT_FOUND", `Group '${groupName}' has no client '${clientId}'.`);
}
