import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import { type Budget, takerOf } from "./budget.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deadLetterHead } from "./dead-letter.ts";
import { parkedAsRead, parkedChanges, withParked } from "./parked.ts";
import { type Claim, type ClaimOrder, exactClaim, metaOf, openAsRead, progressOf } from "./progress.ts";
import { putAside } from "./put-aside.ts";
import { readOffsets } from "./read-offsets.ts";
import type { Taken } from "./taken.ts";

export type OrderedClaim = Claim & { readonly order: ClaimOrder };

/**
 * Hands a due ordered claim out again, from its first open message on. The attempts are those of that message: another one than
 * they were counted for begins anew, and only it is dead-lettered when they are used up. What this receive has no room for is
 * parked, at the front.
 */
export async function takeDueOrdered(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  claim: OrderedClaim,
  budget: Budget,
): Promise<Taken> {
  const progress = progressOf(item);
  const offsets = claim.open.map((relative) => claim.first + relative);
  const { messages, unreadable } = await readOffsets(consumption, queue, offsets);
  if (unreadable.length > 0) return { item: await putAside(consumption, queue, item, claim, unreadable), deliveries: [] };
  const [head] = messages;
  const counted = head && head.offset - claim.first === claim.order.head ? claim.attempt : 0;
  if (head && counted >= queue.group.maxAttempts) {
    const death = { attempts: counted, reason: `not acknowledged in ${counted} attempts` };
    const outcome = await deadLetterHead(consumption, queue, progress.generation, claim, head, death);
    const moved = outcome === "moved";
    const { subscription, queueId } = queue;
    return { item: moved ? await consumption.progress.read(subscription.uid, queueId) : outcome.met, deliveries: [] };
  }
  const taken = fitting(messages, budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const order = { bucket: claim.order.bucket, head: head ? head.offset - claim.first : 0 };
  const meta = { ...takerOf(budget), attempt: counted + 1, dueMs: leaseUntilMs, order };
  const left = messages.slice(taken.length).map(({ offset }) => offset);
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [{ op: "set", name: `m${claim.id}`, value: metaOf(meta) }, ...leavingChanges(claim, item, messages, left)],
    when: [...exactClaim(progress.generation, claim), ...leavingConditions(claim, item, messages, left)],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  const open = result.item?.[`o${claim.id}`] as ReadonlySet<number> | undefined;
  const still = taken.filter(({ offset }) => open?.has(offset - claim.first));
  if (still.length === 0) return { item: result.item, deliveries: [] };
  const { generation } = progress;
  const delivery = { queue, generation, claimId: claim.id, first: claim.first, ...meta, leaseUntilMs, messages: still };
  return { item: result.item, deliveries: [{ ...delivery, handedOut: open?.size ?? 0 }] };
}

/** The messages at the front that the budget has room for; at least one. */
function fitting(messages: readonly StoredMessage[], budget: Budget): readonly StoredMessage[] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += message.body.length;
    return index >= budget.messages || (index > 0 && bytes > budget.bytes);
  });
  return end < 0 ? messages : messages.slice(0, end);
}

/** What has expired leaves the claim, and what does not fit is parked, in front of the others of its bucket. */
function leavingChanges(
  claim: OrderedClaim,
  item: Item,
  messages: readonly StoredMessage[],
  left: readonly number[],
): readonly Change[] {
  const live = new Set(messages.map(({ offset }) => offset - claim.first));
  const expired = claim.open.filter((relative) => !live.has(relative));
  const leaving = new Set([...expired, ...left.map((offset) => offset - claim.first)]);
  if (leaving.size === 0) return [];
  return [
    { op: "deleteFromSet", name: `o${claim.id}`, values: leaving },
    { op: "increment", name: "ex", by: expired.length },
    ...(left.length === 0 ? [] : parkedChanges(item, withParked(progressOf(item).parked, claim.order.bucket, left))),
  ];
}

/** A message acked since it was read must not be parked again, nor count as expired. */
const leavingConditions = (
  claim: OrderedClaim,
  item: Item,
  messages: readonly StoredMessage[],
  left: readonly number[],
): readonly Condition[] => [
  ...(left.length > 0 || messages.length < claim.open.length ? [openAsRead(claim)] : []),
  ...(left.length > 0 ? [parkedAsRead(item)] : []),
];
