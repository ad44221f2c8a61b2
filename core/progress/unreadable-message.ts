import { unreadableKey, unreadablePk } from "../keys.ts";
import { expiryOf } from "../log/block.ts";
import type { Unreadable } from "../log/frame.ts";
import { shownTopicName } from "../names.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { keyAfter } from "../store/every-item.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";

/**
 * A message that was to be delivered to a group and cannot be read: its object is lost, or its bytes are damaged.
 *
 *   u#<group uid>   <subscription uid>#<queue>#<offset>    [t] topic · [q] queue · [o] offset · [e] reason · [at] ms · [x] expiry
 *
 * It no longer waits with the group, so it blocks nothing. It stays in its queue: once it is repaired, a reset of the group's offset
 * delivers it.
 */
export interface UnreadableMessage {
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  readonly reason: string;
  readonly putAsideAtMs: number;
}

export const unreadableItem = (
  { group, subscription, topic, queueId }: ConsumedQueue,
  { offset, reason }: Unreadable,
  putAsideAtMs: number,
): Item => ({
  ...unreadableKey(group.uid, { subscriptionUid: subscription.uid, queueId, offset }),
  t: shownTopicName(topic.name),
  q: queueId,
  o: offset,
  e: reason,
  at: putAsideAtMs,
  x: expiryOf(putAsideAtMs, topic.retentionHours),
});

/** A group's unreadable messages, by subscription, queue and offset. `after`: the key of the last one on the page before. */
export async function listUnreadable(
  items: ItemStore,
  groupUid: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
) {
  const page = await items.query({
    pk: unreadablePk(groupUid),
    ...(after !== undefined && { from: keyAfter(after) }),
    limit,
  });
  return {
    items: page.items.map(
      (item): UnreadableMessage => ({
        topic: item.t as string,
        queueId: item.q as number,
        offset: item.o as number,
        reason: item.e as string,
        putAsideAtMs: item.at as number,
      }),
    ),
    next: page.more ? page.items.at(-1)?.sk : undefined,
    complete: true,
  };
}
