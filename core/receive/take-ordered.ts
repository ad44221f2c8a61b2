import {
  BACKLOGS_PER_WRITE_MAX,
  CLAIMS_ORDERED_MAX,
  EMPTY_CLAIMS_PER_RESERVE_MAX,
  SCAN_CHUNK,
  SCAN_MESSAGES_MAX,
} from "../limits.ts";
import { nextHint, type Run } from "../log/run-walk.ts";
import type { RecordView } from "../message/record-view.ts";
import { Backlogs } from "../progress/backlog.ts";
import { type ConsumedQueue, logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { type Deferred, offsetsByBucket, withoutBuckets } from "../progress/deferred.ts";
import { deliveryOrder, mayMoveOut } from "../progress/delivery-order.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { type ClaimOrder, freeClaimId, type Progress } from "../progress/progress.ts";
import { type Outside, ProgressChange } from "../progress/progress-change.ts";
import { takerOf } from "./budget.ts";
import { OrderedPlan } from "./ordered-plan.ts";
import { readOffsets } from "./read-offsets.ts";
import { waitingOutside } from "./refill.ts";
import type { NotTaken, Step, Taken } from "./taken.ts";

/** What an ordered receive will do: the messages to take and to defer, and those that go to backlogs. */
interface Plans {
  readonly plan: OrderedPlan;
  readonly backlogs: Backlogs;
}

/** How far a scan went, and where the next one starts. */
type Scanned = Pick<Progress, "next" | "hint">;

/**
 * Hands out messages in the order of their message groups, or of the queue. First come deferred messages whose bucket is free now, then
 * messages from the group's next offset on. Those that must wait are deferred.
 *
 * One update requires the next offset, the deferred offsets and the count of moves as the plan read them. If messages go to backlogs,
 * the update is part of a transaction with them (`backlog.ts`). If deferred messages leave the receive nothing to take, they go there
 * too.
 */
export async function takeOrdered(consumption: Consumption, step: Step): Promise<Taken | NotTaken> {
  const { queue, progress, budget } = step;
  const { messages, bytes } = budget;
  const claims = CLAIMS_ORDERED_MAX - progress.claims.size;
  if (claims <= 0) return "full";
  const plan = new OrderedPlan(deliveryOrder(queue.group, queue.topic), progress, { messages, bytes, claims });
  const backlogs = new Backlogs(consumption.items, queue, progress);
  const scanned = await scan(consumption, step, { plan, backlogs });
  const chosen = plan.choose();
  consumption.progressStore.sawPlenty(queue, chosen.length >= messages);
  // A receive that took something moves nothing to backlogs: settling may soon free the buckets that block the item.
  const inTheWay = plan.crowded || waitingOutside(progress).length > 0;
  const clearing = inTheWay && chosen.length === 0 && !budget.begun && mayMoveOut(consumption, queue);
  if (scanned.next === progress.next && chosen.length === 0 && !clearing) return "nothing";
  const left = plan.take(chosen, await readOffsets(consumption, queue, chosen));
  const { outside, deferred } = await moveToBacklogs(progress, { plan, backlogs }, clearing ? left : undefined);
  // The next offset is a condition even if it stays: a receive that moved it may have deferred messages behind these.
  const change = new ProgressChange(progress)
    .handOut(progress, scanned)
    .defer(progress, deferred ?? left)
    .countExpired(plan.expired)
    .sweep(progress, EMPTY_CLAIMS_PER_RESERVE_MAX);
  const claimed = putClaims(change, step, plan, consumption.clock.nowMs() + budget.leaseMs);
  const written = outside
    ? await consumption.progressStore.transact(queue, progress, change.move(progress, outside), backlogs.writes)
    : await consumption.progressStore.update(queue, change.wantBacklogs(progress));
  const after = written.progress;
  if (!written.ok) return { progress: after, deliveries: [] };
  const deliveries = claimed.taken.flatMap((one) => deliveriesFrom(queue, after, { ...one, ...takerOf(budget) }));
  return { progress: after, deliveries, unreadable: claimed.unreadable };
}

/** One claim for each bucket. Unreadable messages get their own, until they are put aside: a claimed message is never forgotten. */
function putClaims(change: ProgressChange, { progress, budget }: Step, plan: OrderedPlan, dueMs: number) {
  const ids = new Set<string>();
  const put = (name: string | number, messages: readonly { readonly offset: number }[], order?: ClaimOrder): string => {
    const id = freeClaimId(progress, `${budget.nonce}/${name}`, ids);
    ids.add(id);
    const first = messages[0]?.offset as number;
    const open = messages.map(({ offset }) => offset - first);
    change.putClaim({ id, first, open, ...takerOf(budget), attempt: 1, dueMs, order });
    return id;
  };
  const taken = [...plan.taken].map(([bucket, messages]) => {
    const order = bucket === undefined ? undefined : { bucket, head: 0 };
    return { id: put(bucket ?? "", messages, order), messages };
  });
  const unreadable = plan.unreadable.toSorted((a, b) => a.offset - b.offset);
  return { taken, unreadable: unreadable.length === 0 ? undefined : { id: put("unreadable", unreadable), unreadable } };
}

/** Moves to backlogs what the scan met of their buckets, and the largest buckets of what was `left` to be deferred. */
async function moveToBacklogs(
  progress: Progress,
  { plan, backlogs }: Plans,
  left: Deferred | undefined,
): Promise<{ readonly outside?: Outside; readonly deferred?: Deferred }> {
  const leaving = left ? mostDeferred(left, BACKLOGS_PER_WRITE_MAX - plan.behind.size) : new Map<number, number[]>();
  if (plan.behind.size === 0 && leaving.size === 0) return {};
  await backlogs.read([...plan.behind.keys(), ...leaving.keys()].filter((bucket) => progress.backlogged.has(bucket)));
  let { messagesOut } = progress;
  for (const [bucket, offsets] of leaving) {
    backlogs.prepend(bucket, offsets);
    messagesOut += offsets.length;
  }
  for (const [bucket, offsets] of plan.behind) {
    backlogs.append(bucket, offsets);
    messagesOut += offsets.length;
  }
  const backlogged = new Set([...progress.backlogged, ...leaving.keys()]);
  const outside = { messagesOut, bucketsOut: progress.bucketsOut, backlogged };
  return left ? { outside, deferred: withoutBuckets(left, new Set(leaving.keys())) } : { outside };
}

const mostDeferred = (deferred: Deferred, most: number): Map<number, number[]> =>
  new Map([...offsetsByBucket(deferred)].sort(([, a], [, b]) => b.length - a.length).slice(0, most));

/**
 * Reads from the next offset until the plan is full, must stop, or has seen enough. The first read is only as long as the receive
 * wants, because that is often enough.
 */
async function scan(consumption: Consumption, { queue, progress, budget }: Step, plans: Plans): Promise<Scanned> {
  const { plan } = plans;
  const { filter } = queue;
  let { next, hint } = progress;
  for (let most = budget.messages; !plan.enough && next - progress.next < SCAN_MESSAGES_MAX; most = SCAN_CHUNK) {
    const run = await consumption.log.reader.run(logQueue(queue), next, most, hint);
    if (run.available === 0) break;
    plan.expired += run.expired;
    const count = await consumption.log.countToView(run, most);
    const passes = (view: RecordView): boolean => filter.everything || filter.matches(view);
    // The plan must know which buckets are outside before it decides. So their messages are looked at once before.
    if (progress.bucketsOut > 0) await lookUpBuckets(consumption, queue, { run, count, passes }, plans);
    const { stoppedAt, gone, unreadable } = await consumption.log.view(run, count, logQueue(queue), (view, offset) => {
      if (plan.enough) return false;
      return !passes(view) || plan.offer(offset, view.messageGroup);
    });
    // The message group of an unreadable message is unknown: it is put aside and holds up no group.
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
  { plan, backlogs }: Plans,
): Promise<void> {
  const buckets = new Set<number>();
  await consumption.log.view(seen.run, seen.count, logQueue(queue), (view) => {
    const bucket = seen.passes(view) ? plan.unknownBucket(view.messageGroup) : undefined;
    if (bucket !== undefined) buckets.add(bucket);
    return true;
  });
  await backlogs.read(buckets);
  for (const bucket of buckets) if (backlogs.of(bucket)) plan.isOut(bucket);
}
