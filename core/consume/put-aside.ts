import { progressKey, unreadableKey, unreadablePk } from "../keys.ts";
import { PUT_ASIDE_MAX } from "../limits.ts";
import { expiryOf } from "../log/block.ts";
import type { Unreadable } from "../log/frame.ts";
import { shownTopicName } from "../names.ts";
import type { Change, Condition, Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { type Claim, exactClaim, openAsRead, progressOf, removalOf } from "./progress.ts";

/**
 * A message that was to be delivered to a group and cannot be read: its object is lost, or its bytes are not what was written.
 *
 *   u#<group uid>   <subscription uid>#<queue>#<offset>    [t] topic · [q] queue · [o] offset · [e] reason · [at] ms · [x] expiry
 *
 * It no longer waits with the group, so that it stops nothing; it stays in its queue. Should it be mended, a reset of the group's
 * offset delivers it.
 */
export interface UnreadableMessage {
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  readonly reason: string;
  readonly putAsideAtMs: number;
}

/**
 * Takes messages that cannot be read out of a claim, and notes each of them, in one transaction that wants the claim as it was read.
 * Answers the progress item as it is then. So many at a time; the claim is taken again for the others.
 */
export async function putAside(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  claim: Claim,
  unreadable: readonly Unreadable[],
): Promise<Item | undefined> {
  const { subscription, queueId, group, topic } = queue;
  const progress = progressOf(item);
  const some = unreadable.slice(0, PUT_ASIDE_MAX);
  const leaving = new Set(some.map(({ offset }) => offset - claim.first));
  const emptied = leaving.size === claim.open.length;
  const changes: Change[] = emptied ? [...removalOf(claim)] : [{ op: "deleteFromSet", name: `o${claim.id}`, values: leaving }];
  const counted: Condition = item.ur === undefined ? { op: "absent", name: "ur" } : { op: "=", name: "ur", value: item.ur };
  const putAsideAtMs = consumption.clock.wallMs();
  const writes: TransactWrite[] = [
    {
      kind: "update",
      key: progressKey(subscription.uid, queueId),
      changes: [...changes, { op: "set", name: "ur", value: progress.unreadable + some.length }],
      when: [...exactClaim(progress.generation, claim), openAsRead(claim), counted],
    },
    ...some.map(
      ({ offset, reason }): TransactWrite => ({
        kind: "put",
        item: {
          ...unreadableKey(group.uid, { subscriptionUid: subscription.uid, queueId, offset }),
          t: shownTopicName(topic.name),
          q: queueId,
          o: offset,
          e: reason,
          at: putAsideAtMs,
          x: expiryOf(putAsideAtMs, topic.retentionHours),
        },
      }),
    ),
  ];
  const { ok } = await consumption.items.transact(writes);
  for (const { offset, reason } of ok ? some : []) {
    consumption.events.happened({
      kind: "messagePutAside",
      group: group.name,
      topic: shownTopicName(topic.name),
      queueId,
      offset,
      reason,
    });
  }
  return consumption.progress.read(subscription.uid, queueId);
}

/** Those of a group, by subscription, queue and offset. `after`: the key of the last one of the page before. */
export async function listUnreadable(
  items: ItemStore,
  groupUid: string,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
) {
  const page = await items.query({
    pk: unreadablePk(groupUid),
    ...(after !== undefined && { from: `${after}\u0000` }),
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
