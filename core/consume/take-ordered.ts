import { filteredMessage } from "../filter/filtered-message.ts";
import { CLAIMS_ORDERED_MAX, HUSKS_PER_RESERVE_MAX, SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import { type ConsumedQueue, type Consumption, type Delivery, logQueue } from "./consumption.ts";
import { type DeliveryOrder, deliveryOrder } from "./delivery-order.ts";
import { OrderedPlan } from "./ordered-plan.ts";
import { type ClaimOrder, claimId, metaOf, type Progress, parkedName, progressOf, writeParked } from "./progress.ts";
import { readOffsets } from "./read-offsets.ts";
import { nextHint } from "./run-hint.ts";
import { sweepHusks } from "./sweep-husks.ts";
import type { Budget, NotTaken, Taken } from "./take-from-queue.ts";

/** How far a scan went, and where to start the next one. */
interface Scanned {
  readonly next: number;
  readonly hint: number;
}

/**
 * Hands out messages in the order of their message groups, or of the queue: first those that waited for a group that is free
 * now, then from the group's next offset on, parking what must wait.
 *
 * One update, on the next offset and every parked list it touches exactly as read: what the plan was made from.
 */
export async function takeOrdered(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
): Promise<Taken | NotTaken> {
  const progress = progressOf(item);
  const order = deliveryOrder(queue.group, queue.topic);
  const claims = CLAIMS_ORDERED_MAX - progress.claims.size;
  const plan = new OrderedPlan(order, progress, { messages: budget.messages, bytes: budget.bytes, claims });
  for (const [bucket, offsets] of plan.waiting()) {
    if (plan.full || plan.crowded) break;
    const read = Math.min(offsets.length, budget.messages);
    plan.takeParked(bucket, offsets, read, await readOffsets(consumption, queue, offsets.slice(0, read)));
  }
  const scanned = await scan(consumption, queue, progress, plan);
  if (scanned.next === progress.next && plan.parked.size === 0) return claims <= 0 ? "full" : "nothing";
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const deliveries = deliveriesOf({ queue, item, progress, order, budget, leaseUntilMs }, plan);
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [
      ...deliveries.flatMap(claimChanges),
      ...[...plan.parked].map(([bucket, offsets]) => parkedChange(bucket, offsets)),
      ...(scanned.next === progress.next ? [] : nextChanges(scanned)),
      ...(plan.expired === 0 ? [] : [{ op: "increment", name: "ex", by: plan.expired } as const]),
      ...husks.changes,
    ],
    when: [
      { op: "=", name: "g", value: progress.generation },
      // Also where it does not move: whoever moved it may have parked behind what was taken here.
      { op: "=", name: "n", value: progress.next },
      ...deliveries.map(({ claimId: id }): Condition => ({ op: "absent", name: `f${id}` })),
      ...[...plan.parked.keys()].map((bucket) => parkedAsRead(bucket, progress)),
      ...husks.when,
    ],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  return { item: result.item, deliveries };
}

/** Reads on from the next offset until the plan is full, has to stop, or enough was looked at. */
async function scan(consumption: Consumption, queue: ConsumedQueue, progress: Progress, plan: OrderedPlan): Promise<Scanned> {
  let next = progress.next;
  let { hint } = progress;
  while (!plan.full && next - progress.next < SCAN_MESSAGES_MAX) {
    const run = await consumption.log.reader.run(logQueue(queue), next, SCAN_CHUNK, hint);
    if (run.available === 0) break;
    plan.expired += run.from - next;
    const count = Math.min(run.available, SCAN_CHUNK);
    const messages = await consumption.log.messages(run, run.from, count, logQueue(queue));
    const { stoppedAt, expired } = offerAll(queue, plan, messages, run.from);
    plan.expired += expired;
    next = stoppedAt ?? run.from + count;
    hint = nextHint(run, next);
    if (stoppedAt !== undefined) break;
  }
  return { next, hint };
}

function offerAll(
  queue: ConsumedQueue,
  plan: OrderedPlan,
  messages: readonly StoredMessage[],
  from: number,
): { readonly stoppedAt: number | undefined; readonly expired: number } {
  let expected = from;
  let expired = 0;
  for (const message of messages) {
    expired += message.offset - expected;
    expected = message.offset + 1;
    if (!queue.filter.everything && !queue.filter.matches(filteredMessage(message))) continue;
    if (!plan.offer(message)) return { stoppedAt: message.offset, expired };
  }
  return { stoppedAt: undefined, expired };
}

function deliveriesOf(
  take: {
    readonly queue: ConsumedQueue;
    readonly item: Item;
    readonly progress: Progress;
    readonly order: DeliveryOrder;
    readonly budget: Budget;
    readonly leaseUntilMs: number;
  },
  plan: OrderedPlan,
): readonly Delivery[] {
  const { queue, item, progress, budget, leaseUntilMs } = take;
  const ids = new Set<string>();
  return [...plan.chosen].map(([bucket, messages]) => {
    const id = claimId(`${budget.nonce}/${bucket ?? ""}`, (taken) => item[`m${taken}`] !== undefined || ids.has(taken));
    ids.add(id);
    const order: ClaimOrder | undefined = bucket === undefined ? undefined : { bucket, head: 0 };
    return {
      queue,
      generation: progress.generation,
      claimId: id,
      first: messages[0]?.offset as number,
      nonce: budget.nonce,
      attempt: 1,
      leaseUntilMs,
      messages,
      handedOut: messages.length,
      order,
    };
  });
}

const claimChanges = ({ claimId: id, first, nonce, attempt, leaseUntilMs, order, messages }: Delivery): readonly Change[] => [
  { op: "set", name: `f${id}`, value: first },
  { op: "set", name: `m${id}`, value: metaOf({ nonce, attempt, dueMs: leaseUntilMs, order }) },
  { op: "set", name: `o${id}`, value: new Set(messages.map(({ offset }) => offset - first)) },
];

const nextChanges = ({ next, hint }: Scanned): readonly Change[] => [
  { op: "set", name: "n", value: next },
  { op: "set", name: "nb", value: hint },
];

export const parkedChange = (bucket: number, offsets: readonly number[]): Change =>
  offsets.length > 0
    ? { op: "set", name: parkedName(bucket), value: writeParked(offsets) }
    : { op: "remove", name: parkedName(bucket) };

export function parkedAsRead(bucket: number, progress: Progress): Condition {
  const offsets = progress.parked.get(bucket);
  const name = parkedName(bucket);
  return offsets ? { op: "=", name, value: writeParked(offsets) } : { op: "absent", name };
}
