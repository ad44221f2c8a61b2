import { compileFilter } from "../filter/compile-filter.ts";
import { filteredMessage } from "../filter/filtered-message.ts";
import { type Subscriber, subscriberOf, subscriptionOf } from "../group/subscription-codec.ts";
import { groupKey, progressKey, subscribersPk, subscriptionKey, unreadableKey } from "../keys.ts";
import { listNames } from "../list-names.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { bucketOf } from "../progress/delivery-order.ts";
import type { LeaseClock } from "../progress/lease-clock.ts";
import { type Progress, progressOf } from "../progress/progress.ts";
import { findOutside } from "../progress/waits-outside.ts";
import type { ListPage, ListRequest } from "../requests.ts";
import { inGroups } from "../store/in-groups.ts";
import { uidOf } from "../store/uid-items.ts";
import type { Filter, StoredMessage, Subscription } from "../terms.ts";
import type { FoundMessage } from "./find-message.ts";
import { claimedState, type MessageState, NEW, PASSED_OVER, SETTLED, stateInside, UNKNOWN } from "./message-state.ts";
import { QUERY_READS_AT_ONCE } from "./query-limits.ts";

export interface GroupStateStore {
  readonly items: ItemStore;
  /** That of receives. */
  readonly clock: LeaseClock;
}

export interface GroupState extends MessageState {
  readonly group: string;
}

/** How often a progress item is read anew because messages moved out of it or into it meanwhile. */
const ROUNDS_MAX = 4;

/** What each group that is subscribed to a message's topic has done with it, by the groups' names. Changes nothing. */
export async function groupStates(
  store: GroupStateStore,
  found: FoundMessage,
  request: ListRequest,
): Promise<ListPage<GroupState>> {
  const page = await listNames(store.items, subscribersPk(found.topic.uid), request, subscriberOf);
  const states = await inGroups(page.items, QUERY_READS_AT_ONCE, async (subscriber) => {
    const state = await stateOf(store, found, subscriber);
    return state && { group: subscriber.group, ...state };
  });
  return { ...page, items: states.filter((state) => state !== undefined) };
}

/** `undefined`: an interrupted deletion left only the subscriber. */
async function stateOf(
  store: GroupStateStore,
  found: FoundMessage,
  { group, groupUid, subscriptionUid }: Subscriber,
): Promise<MessageState | undefined> {
  const [groupItem, item] = await store.items.batchGet([groupKey(group), subscriptionKey(groupUid, found.topic.name)]);
  if (!groupItem || !item || uidOf(groupItem) !== groupUid || uidOf(item) !== subscriptionUid) return undefined;
  const subscription = subscriptionOf(item);
  try {
    const place = await placeOf(store, found, subscription);
    if (place === "ahead") return matches(subscription.filter, found.message) ? NEW : PASSED_OVER;
    if (place) return place;
    if (!mayHaveMatched(subscription, found.message)) return PASSED_OVER;
    const aside = { subscriptionUid, queueId: found.message.queueId, offset: found.message.offset };
    return (await store.items.get(unreadableKey(groupUid, aside))) ? PASSED_OVER : SETTLED;
  } catch (error) {
    if (StoreCorrupt.is(error)) return UNKNOWN;
    throw error;
  }
}

/** Where the message waits or is held; `"ahead"` if the group has not met it, and `undefined` if it is done with it. */
async function placeOf(
  { items, clock }: GroupStateStore,
  { message }: FoundMessage,
  { uid: subscriptionUid }: Subscription,
): Promise<MessageState | "ahead" | undefined> {
  const { queueId, offset, messageGroup } = message;
  const read = async (): Promise<Progress | undefined> => {
    const item = await items.get(progressKey(subscriptionUid, queueId));
    return item && progressOf(item);
  };
  let progress = await read();
  for (let round = 0; round < ROUNDS_MAX; round++) {
    // Without an item nobody has received from the queue, which was added after the subscription.
    if (!progress || offset >= progress.next) return "ahead";
    const nowMs = clock.nowMs();
    const inside = stateInside(progress, offset, nowMs);
    if (inside) return shown(inside, clock);
    if (progress.messagesOut === 0) return undefined;
    const source = { subscriptionUid, queueId, generation: progress.generation };
    const outside = await findOutside(items, source, { offset, bucket: bucketOf("messageGroup", messageGroup) });
    if (outside === "too many") return UNKNOWN;
    if (outside === "backlog") return NEW;
    if (outside !== "nowhere") return shown(claimedState(outside, offset, nowMs), clock);
    // The two places were read one after the other. If nothing moved in between, the message was in neither.
    const now = await read();
    if (now && isUnmoved(progress, now)) {
      const met = stateInside(now, offset, nowMs);
      return met && shown(met, clock);
    }
    progress = now;
  }
  return UNKNOWN;
}

/** With wall-clock times. */
function shown({ state, attempt, nextAttemptAtMs, leaseExpiresAtMs }: MessageState, clock: LeaseClock): MessageState {
  const wall = (atMs: number | undefined): number | undefined => (atMs === undefined ? undefined : clock.wallMs(atMs));
  return { state, attempt, nextAttemptAtMs: wall(nextAttemptAtMs), leaseExpiresAtMs: wall(leaseExpiresAtMs) };
}

const isUnmoved = (before: Progress, now: Progress): boolean =>
  now.generation === before.generation && now.messagesOut === before.messagesOut && now.moves === before.moves;

const matches = (filter: Filter, message: StoredMessage): boolean => compileFilter(filter).matches(filteredMessage(message));

/** Whether the filter, or one that was in force after the message was stored, lets it through. */
function mayHaveMatched({ filter, earlierFilters }: Subscription, message: StoredMessage): boolean {
  const met = earlierFilters.filter(({ replacedAtMs }) => replacedAtMs >= message.storedAtMs);
  return [filter, ...met].some((one) => matches(one, message));
}
