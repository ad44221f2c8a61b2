import { movedOutKey } from "../keys.ts";
import {
  BACKLOGS_PER_WRITE_MAX,
  CLAIMS_MAX,
  DEFERRED_REFILLED_BYTES_MAX,
  DEFERRED_WORTH_MOVING,
  MOVE_OUT_AHEAD_MS,
  MOVE_OUT_CLAIMS_MAX,
  MOVE_OUT_ORDERED_CLAIMS_MAX,
  MOVES_OUT_PER_ROUND_MAX,
  ORDERED_CROWDED_BYTES,
  ORDERED_ROOMY_BYTES,
  WAITING_CLAIMS_KEPT,
  WAITING_CLAIMS_MAX,
  WAITING_WORTH_MOVING,
} from "../limits.ts";
import type { TransactWrite } from "../ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import { Backlogs } from "./backlog.ts";
import type { ConsumedQueue } from "./consumed-queue.ts";
import type { Consumption } from "./consumption.ts";
import { deferredBytes, offsetsByBucket, withoutBuckets } from "./deferred.ts";
import { deliveryOrder, heldBuckets, mayMoveOut } from "./delivery-order.ts";
import { itemBytes } from "./item-bytes.ts";
import { movedOutItem } from "./moved-out-claim.ts";
import { type Claim, isGivenBack, type Progress } from "./progress.ts";
import { ProgressChange } from "./progress-change.ts";

/** The claims and buckets that leave the item. */
interface Leaving {
  readonly claims: readonly Claim[];
  /** Buckets whose claim stays and whose deferred offsets leave. */
  readonly buckets: readonly number[];
}

const CLAIM_BYTES_MIN = 40;
const NOTHING: Leaving = { claims: [], buckets: [] };

/**
 * Moves claims that wait after a nack out of the item, so that failing messages never fill it. Those due last leave first; an ordered
 * claim takes along all that is deferred behind it. If held claims crowd the item, the offsets deferred behind them leave. Each step is
 * one transaction. One round of a receive makes a limited number of steps; the next round goes on. Answers the progress after the last
 * step. If the store fails or a backlog is damaged, the steps end and the progress before that step is answered: making room is
 * optional.
 */
export async function makeSpace(consumption: Consumption, queue: ConsumedQueue, progress: Progress): Promise<Progress> {
  let current = progress;
  for (let step = 0; step < MOVES_OUT_PER_ROUND_MAX; step++) {
    const leaving = leavingFrom(consumption, queue, current);
    if (leaving.claims.length === 0 && leaving.buckets.length === 0) break;
    try {
      const { progress: after } = await moveOut(consumption, queue, current, leaving);
      if (!after) break;
      current = after;
    } catch (error) {
      if (!StoreUnavailable.is(error) && !StoreCorrupt.is(error)) throw error;
      break;
    }
  }
  return current;
}

function leavingFrom(consumption: Consumption, queue: ConsumedQueue, progress: Progress): Leaving {
  const ordered = mayMoveOut(consumption, queue);
  if (!ordered && deliveryOrder(queue.group, queue.topic) !== "none") return NOTHING;
  const excess = ordered ? orderedExcess(progress) : unorderedExcess(progress);
  // The usual case: nothing to do.
  if (excess === 0 && !(ordered && isOverfull(progress)) && progress.claims.size <= WAITING_CLAIMS_MAX) return NOTHING;
  const claims = leavingClaims(progress, { excess, ordered }, consumption.clock.nowMs());
  return { claims, buckets: ordered && claims.length === 0 && isOverfull(progress) ? crowdingBuckets(progress) : [] };
}

/** How many claims should leave an ordered item because of its size, counting each as the smallest possible. */
function orderedExcess({ stored }: Progress): number {
  const bytes = itemBytes(stored);
  return bytes <= ORDERED_CROWDED_BYTES ? 0 : Math.ceil((bytes - ORDERED_ROOMY_BYTES) / CLAIM_BYTES_MIN);
}

const unorderedExcess = ({ claims }: Progress): number =>
  claims.size < CLAIMS_MAX ? 0 : claims.size - CLAIMS_MAX + WAITING_CLAIMS_KEPT;

/** Whether the deferred offsets exceed what scans and refills allow: a due claim may have deferred the rest of its messages on top. */
const isOverfull = ({ stored }: Progress): boolean => deferredBytes(stored) > DEFERRED_REFILLED_BYTES_MAX;

function leavingClaims(
  progress: Progress,
  { excess, ordered }: { readonly excess: number; readonly ordered: boolean },
  nowMs: number,
): readonly Claim[] {
  const waiting = [...progress.claims.values()].filter(
    (claim) => isGivenBack(claim) && claim.dueMs > nowMs && (ordered || !claim.order),
  );
  waiting.sort((a, b) => b.dueMs - a.dueMs);
  const long = waiting.filter(({ dueMs }) => dueMs > nowMs + MOVE_OUT_AHEAD_MS).length;
  const worthwhile = ordered && waiting.length < WAITING_WORTH_MOVING ? 0 : excess;
  const most = Math.max(long > WAITING_CLAIMS_MAX ? long - WAITING_CLAIMS_KEPT : 0, worthwhile);
  return waiting.slice(0, Math.min(ordered ? MOVE_OUT_ORDERED_CLAIMS_MAX : MOVE_OUT_CLAIMS_MAX, most));
}

/** The held buckets with the most deferred offsets. */
function crowdingBuckets(progress: Progress): readonly number[] {
  const held = heldBuckets("messageGroup", progress);
  return [...offsetsByBucket(progress.deferred)]
    .filter(([bucket, offsets]) => held.has(bucket) && offsets.length >= DEFERRED_WORTH_MOVING)
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, BACKLOGS_PER_WRITE_MAX)
    .map(([bucket]) => bucket);
}

async function moveOut(consumption: Consumption, queue: ConsumedQueue, progress: Progress, { claims, buckets }: Leaving) {
  const source = { subscriptionUid: queue.subscription.uid, queueId: queue.queueId, generation: progress.generation };
  const backlogs = new Backlogs(consumption.items, queue, progress);
  const out = claims.flatMap(({ order }) => (order ? [order.bucket] : []));
  const emptied = new Set([...out, ...buckets]);
  await backlogs.read([...emptied].filter((bucket) => progress.backlogged.has(bucket)));
  const backlogged = new Set(progress.backlogged);
  const deferred = offsetsByBucket(progress.deferred);
  let messagesOut = progress.messagesOut + claims.reduce((sum, { open }) => sum + open.length, 0);
  for (const bucket of emptied) {
    const offsets = deferred.get(bucket) ?? [];
    backlogs.prepend(bucket, offsets);
    messagesOut += offsets.length;
    backlogged.add(bucket);
  }
  for (const bucket of out) {
    backlogs.setOut(bucket, true);
    backlogged.delete(bucket);
  }
  const dueMs = Math.min(progress.movedOutDueMs, ...claims.map((claim) => claim.dueMs));
  const change = new ProgressChange(progress).setMovedOutDue(dueMs);
  for (const claim of claims) change.wantClaim(claim).wantOpen(claim).dropClaim(claim.id);
  if (emptied.size === 0) change.setMessagesOut(progress, messagesOut);
  else {
    change
      .move(progress, { messagesOut, bucketsOut: progress.bucketsOut + out.length, backlogged })
      .defer(progress, withoutBuckets(progress.deferred, emptied));
  }
  const moved = claims.map(
    (claim): TransactWrite => ({
      kind: "put",
      item: movedOutItem(movedOutKey({ ...source, claim }), claim),
      when: [{ op: "absent", name: "pk" }],
    }),
  );
  return consumption.progressStore.transact(queue, progress, change, [...moved, ...backlogs.writes]);
}
