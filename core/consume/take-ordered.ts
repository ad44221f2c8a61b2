import { BACKLOGS_PER_WRITE_MAX, CLAIMS_ORDERED_MAX, HUSKS_PER_RESERVE_MAX, SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Run } from "../log/run-walk.ts";

import type { RecordView } from "../message/record-view.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import { Backlogs, movedChanges, unmoved } from "./backlog.ts";
import { type Budget, takerOf } from "./budget.ts";
import { type ConsumedQueue, type Consumption, type Delivery, logQueue } from "./consumption.ts";
import { deliveryOrder } from "./delivery-order.ts";
import { OrderedPlan } from "./ordered-plan.ts";
import { mayMoveOut } from "./ordered-room.ts";
import { offsetsByBucket, type Parked, parkedAsRead, parkedChanges, withoutBuckets } from "./parked.ts";
import { claimId, metaOf, type Progress, progressOf } from "./progress.ts";
import { readOffsets } from "./read-offsets.ts";
import { waitingOutside } from "./refill.ts";
import { nextHint } from "./run-hint.ts";
import { sweepHusks } from "./sweep-husks.ts";
import type { NotTaken, Taken, UnreadableInClaim } from "./taken.ts";
import { transactMoves } from "./transact-moves.ts";

/** How far a scan went, and where to start the next one. */
interface Scanned {
  readonly next: number;
  readonly hint: number;
}

/**
 * Hands out messages in the order of their message groups, or of the queue: those that waited for a group that is free now, and
 * from the group's next offset on, parking what must wait.
 *
 * One update, on the next offset, what is parked and what moved exactly as read: what the plan was made from. It is a transaction
 * with the backlogs that messages go to (`backlog.ts`). Where the parked leave a receive nothing to take, they go there too.
 */
export async function takeOrdered(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
): Promise<Taken | NotTaken> {
  const progress = progressOf(item);
  const { messages, bytes } = budget;
  const claims = CLAIMS_ORDERED_MAX - progress.claims.size;
  if (claims <= 0) return "full";
  const plan = new OrderedPlan(deliveryOrder(queue.group, queue.topic), progress, { messages, bytes, claims });
  const backlogs = new Backlogs(consumption.items, queue, progress);
  const scanned = await scan(consumption, queue, progress, plan, backlogs, messages);
  const chosen = plan.choose();
  consumption.progress.sawPlenty(queue, chosen.length >= messages);
  // A receive that took something leaves it at that: others may be about to settle what is in the way.
  const inTheWay = plan.crowded || waitingOutside(progress).length > 0;
  const clearing = inTheWay && chosen.length === 0 && !budget.begun && mayMoveOut(consumption, queue);
  if (scanned.next === progress.next && chosen.length === 0 && !clearing) return "nothing";
  const left = plan.take(chosen, await readOffsets(consumption, queue, chosen));
  const moved = await moveToBacklogs(progress, plan, backlogs, clearing ? left : undefined);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const deliveries = deliveriesOf({ queue, item, progress, budget, leaseUntilMs }, plan);
  const unreadable = unreadableClaim({ item, budget, leaseUntilMs }, plan, deliveries);
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const update = {
    changes: [
      ...deliveries.flatMap((delivery) => claimChanges(delivery, delivery.messages)),
      ...(unreadable ? claimChanges(unreadable, unreadable.unreadable) : []),
      ...parkedChanges(item, moved.parked ?? left),
      ...moved.changes,
      ...(scanned.next === progress.next ? [] : nextChanges(scanned)),
      ...(plan.expired === 0 ? [] : [{ op: "increment", name: "ex", by: plan.expired } as const]),
      ...husks.changes,
    ],
    when: [
      // Also where it does not move: whoever moved it may have parked behind what was taken here.
      { op: "=", name: "n", value: progress.next } satisfies Condition,
      parkedAsRead(item),
      ...unmoved(progress).filter(({ name }) => name !== "r" || moved.changes.length > 0),
      ...[...deliveries, ...(unreadable ? [unreadable] : [])].map(
        ({ claimId: id }): Condition => ({ op: "absent", name: `f${id}` }),
      ),
      ...husks.when,
    ],
  };
  if (moved.changes.length > 0) {
    const result = await transactMoves(consumption, queue, item, update, backlogs.writes);
    return result.ok ? { item: result.item, deliveries, unreadable } : { item: result.item, deliveries: [] };
  }
  const { subscription, queueId } = queue;
  const result = await consumption.progress.update(subscription.uid, queueId, { ...update, returning: "allNew" });
  if (!result.ok) return { item: result.current, deliveries: [] };
  return { item: result.item, deliveries, unreadable };
}

/** What goes to backlogs: what the scan met of their buckets, and of what was `left` to be parked the buckets with most of it. */
async function moveToBacklogs(
  progress: Progress,
  plan: OrderedPlan,
  backlogs: Backlogs,
  left: Parked | undefined,
): Promise<{ readonly changes: readonly Change[]; readonly parked?: Parked }> {
  const leaving = left ? mostParked(left, BACKLOGS_PER_WRITE_MAX - plan.behind.size) : new Map<number, number[]>();
  if (plan.behind.size === 0 && leaving.size === 0) return { changes: [] };
  await backlogs.read([...plan.behind.keys(), ...leaving.keys()].filter((bucket) => progress.backlogged.has(bucket)));
  let { spilled } = progress;
  for (const [bucket, offsets] of leaving) {
    backlogs.prepend(bucket, offsets);
    spilled += offsets.length;
  }
  for (const [bucket, offsets] of plan.behind) {
    backlogs.append(bucket, offsets);
    spilled += offsets.length;
  }
  const backlogged = new Set([...progress.backlogged, ...leaving.keys()]);
  const changes = movedChanges(progress, { spilled, bucketsOut: progress.bucketsOut, backlogged });
  return left ? { changes, parked: withoutBuckets(left, new Set(leaving.keys())) } : { changes };
}

const mostParked = (parked: Parked, most: number): Map<number, number[]> =>
  new Map([...offsetsByBucket(parked)].sort(([, a], [, b]) => b.length - a.length).slice(0, most));

/**
 * Reads on from the next offset until the plan is filled, has to stop, or enough was looked at: first as many as are `wanted`,
 * which often is all it takes.
 */
async function scan(
  consumption: Consumption,
  queue: ConsumedQueue,
  progress: Progress,
  plan: OrderedPlan,
  backlogs: Backlogs,
  wanted: number,
): Promise<Scanned> {
  const { filter } = queue;
  let { next, hint } = progress;
  for (let most = wanted; !plan.enough && next - progress.next < SCAN_MESSAGES_MAX; most = SCAN_CHUNK) {
    const run = await consumption.log.reader.run(logQueue(queue), next, most, hint);
    if (run.available === 0) break;
    plan.expired += run.expired;
    const count = await consumption.log.countToLookAt(run, most);
    const passes = (view: RecordView): boolean => filter.everything || filter.matches(view);
    // What is out must be known before it is decided on: first see what there is.
    if (progress.bucketsOut > 0) await lookUpBuckets(consumption, queue, { run, count, passes }, plan, backlogs);
    const { stoppedAt, gone, unreadable } = await consumption.log.look(run, count, logQueue(queue), (view, offset) => {
      if (plan.enough) return false;
      return !passes(view) || plan.offer(offset, view.messageGroup);
    });
    // Its message group cannot be told: it is put aside, and holds up none.
    plan.unreadable.push(...unreadable.filter(({ offset }) => stoppedAt === undefined || offset < stoppedAt));
    plan.expired += gone;
    next = stoppedAt ?? run.from + count;
    hint = nextHint(run, next);
    if (stoppedAt !== undefined) break;
  }
  return { next, hint };
}

/** Tells the plan which buckets of a run have their claim outside. */
async function lookUpBuckets(
  consumption: Consumption,
  queue: ConsumedQueue,
  seen: { readonly run: Run; readonly count: number; readonly passes: (view: RecordView) => boolean },
  plan: OrderedPlan,
  backlogs: Backlogs,
): Promise<void> {
  const buckets = new Set<number>();
  await consumption.log.look(seen.run, seen.count, logQueue(queue), (view) => {
    const bucket = seen.passes(view) ? plan.unknownBucket(view.messageGroup) : undefined;
    if (bucket !== undefined) buckets.add(bucket);
    return true;
  });
  await backlogs.read(buckets);
  for (const bucket of buckets) if (backlogs.of(bucket)) plan.isOut(bucket);
}

function deliveriesOf(
  take: {
    readonly queue: ConsumedQueue;
    readonly item: Item;
    readonly progress: Progress;
    readonly budget: Budget;
    readonly leaseUntilMs: number;
  },
  plan: OrderedPlan,
): readonly Delivery[] {
  const { queue, item, progress, budget, leaseUntilMs } = take;
  const ids = new Set<string>();
  return [...plan.taken].map(([bucket, messages]) => {
    const id = claimId(`${budget.nonce}/${bucket ?? ""}`, (taken) => item[`m${taken}`] !== undefined || ids.has(taken));
    ids.add(id);
    const order = bucket === undefined ? undefined : { bucket, head: 0 };
    return {
      queue,
      generation: progress.generation,
      claimId: id,
      first: messages[0]?.offset as number,
      ...takerOf(budget),
      attempt: 1,
      leaseUntilMs,
      messages,
      handedOut: messages.length,
      order,
    };
  });
}

/** What cannot be read is claimed with the rest, and then put aside: what a claim holds is not forgotten. */
function unreadableClaim(
  take: { readonly item: Item; readonly budget: Budget; readonly leaseUntilMs: number },
  { unreadable }: OrderedPlan,
  deliveries: readonly Delivery[],
): (NewClaim & UnreadableInClaim) | undefined {
  const { item, budget, leaseUntilMs } = take;
  const sorted = unreadable.toSorted((a, b) => a.offset - b.offset);
  const [first] = sorted;
  if (!first) return undefined;
  const taken = (id: string): boolean => item[`m${id}`] !== undefined || deliveries.some(({ claimId: other }) => other === id);
  const id = claimId(`${budget.nonce}/unreadable`, taken);
  return { claimId: id, first: first.offset, ...takerOf(budget), attempt: 1, leaseUntilMs, unreadable: sorted };
}

type NewClaim = Pick<Delivery, "claimId" | "first" | "nonce" | "attempt" | "leaseUntilMs" | "order" | "attemptTag">;

const claimChanges = (
  { claimId: id, first, nonce, attempt, leaseUntilMs, order, attemptTag }: NewClaim,
  held: readonly { readonly offset: number }[],
): readonly Change[] => [
  { op: "set", name: `f${id}`, value: first },
  { op: "set", name: `m${id}`, value: metaOf({ nonce, attempt, dueMs: leaseUntilMs, order, attemptTag }) },
  { op: "set", name: `o${id}`, value: new Set(held.map(({ offset }) => offset - first)) },
];

const nextChanges = ({ next, hint }: Scanned): readonly Change[] => [
  { op: "set", name: "n", value: next },
  { op: "set", name: "nb", value: hint },
];
