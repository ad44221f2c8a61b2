import { CLAIMS_ORDERED_MAX, HUSKS_PER_RESERVE_MAX, SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import { type Budget, takerOf } from "./budget.ts";
import { type ConsumedQueue, type Consumption, type Delivery, logQueue } from "./consumption.ts";
import { deliveryOrder } from "./delivery-order.ts";
import { OrderedPlan } from "./ordered-plan.ts";
import { parkedAsRead, parkedChanges } from "./parked.ts";
import { claimId, metaOf, type Progress, progressOf } from "./progress.ts";
import { failAt, readOffsets } from "./read-offsets.ts";
import { nextHint } from "./run-hint.ts";
import { sweepHusks } from "./sweep-husks.ts";
import type { NotTaken, Taken } from "./take-from-queue.ts";

/** How far a scan went, and where to start the next one. */
interface Scanned {
  readonly next: number;
  readonly hint: number;
}

/**
 * Hands out messages in the order of their message groups, or of the queue: those that waited for a group that is free now, and
 * from the group's next offset on, parking what must wait.
 *
 * One update, on the next offset and what is parked exactly as read: what the plan was made from.
 */
export async function takeOrdered(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
): Promise<Taken | NotTaken> {
  const progress = progressOf(item);
  const claims = CLAIMS_ORDERED_MAX - progress.claims.size;
  if (claims <= 0) return "full";
  const { messages, bytes } = budget;
  const plan = new OrderedPlan(deliveryOrder(queue.group, queue.topic), progress, { messages, bytes, claims });
  const scanned = await scan(consumption, queue, progress, plan, messages);
  const chosen = plan.choose();
  consumption.progress.sawPlenty(queue, chosen.length >= messages);
  if (scanned.next === progress.next && chosen.length === 0) return "nothing";
  const parked = plan.take(chosen, await readOffsets(consumption, queue, chosen));
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const deliveries = deliveriesOf({ queue, item, progress, budget, leaseUntilMs }, plan);
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [
      ...deliveries.flatMap(claimChanges),
      ...parkedChanges(item, parked),
      ...(scanned.next === progress.next ? [] : nextChanges(scanned)),
      ...(plan.expired === 0 ? [] : [{ op: "increment", name: "ex", by: plan.expired } as const]),
      ...husks.changes,
    ],
    when: [
      { op: "=", name: "g", value: progress.generation },
      // Also where it does not move: whoever moved it may have parked behind what was taken here.
      { op: "=", name: "n", value: progress.next },
      parkedAsRead(item),
      ...deliveries.map(({ claimId: id }): Condition => ({ op: "absent", name: `f${id}` })),
      ...husks.when,
    ],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  return { item: result.item, deliveries };
}

/**
 * Reads on from the next offset until the plan is filled, has to stop, or enough was looked at: first as many as are `wanted`,
 * which often is all it takes.
 */
async function scan(
  consumption: Consumption,
  queue: ConsumedQueue,
  progress: Progress,
  plan: OrderedPlan,
  wanted: number,
): Promise<Scanned> {
  const { filter } = queue;
  let { next, hint } = progress;
  for (let most = wanted; !plan.enough && next - progress.next < SCAN_MESSAGES_MAX; most = SCAN_CHUNK) {
    const run = await consumption.log.reader.run(logQueue(queue), next, most, hint);
    if (run.available === 0) break;
    plan.expired += run.expired;
    const count = await consumption.log.countToLookAt(run, most);
    const { stoppedAt, gone, unreadable } = await consumption.log.look(run, count, logQueue(queue), (view, offset) => {
      if (plan.enough) return false;
      const passes = filter.everything || filter.matches(view);
      return !passes || plan.offer(offset, view.messageGroup);
    });
    failAt(unreadable);
    plan.expired += gone;
    next = stoppedAt ?? run.from + count;
    hint = nextHint(run, next);
    if (stoppedAt !== undefined) break;
  }
  return { next, hint };
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

const claimChanges = ({
  claimId: id,
  first,
  nonce,
  attempt,
  leaseUntilMs,
  order,
  attemptTag,
  messages,
}: Delivery): readonly Change[] => [
  { op: "set", name: `f${id}`, value: first },
  { op: "set", name: `m${id}`, value: metaOf({ nonce, attempt, dueMs: leaseUntilMs, order, attemptTag }) },
  { op: "set", name: `o${id}`, value: new Set(messages.map(({ offset }) => offset - first)) },
];

const nextChanges = ({ next, hint }: Scanned): readonly Change[] => [
  { op: "set", name: "n", value: next },
  { op: "set", name: "nb", value: hint },
];
