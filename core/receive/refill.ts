import { BACKLOG_OFFSETS_MAX, DEFERRED_BYTES, DEFERRED_REFILLED_BYTES_MAX, REFILLS_PER_WRITE_MAX } from "../limits.ts";
import { Backlogs } from "../progress/backlog.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deferredBytes, withDeferred } from "../progress/deferred.ts";
import { heldBuckets } from "../progress/delivery-order.ts";
import type { Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { Step, Taken } from "./taken.ts";

/** The free buckets whose next messages are outside the item. */
export function waitingOutside(progress: Progress): readonly number[] {
  if (progress.backlogged.size === 0) return [];
  const held = heldBuckets("messageGroup", progress);
  const inside = new Set(progress.deferred.buckets);
  return [...progress.backlogged].filter((bucket) => !held.has(bucket) && !inside.has(bucket));
}

/** How many offsets the item can take from backlogs now. 0 if one backlog may give more than fits, or if nothing waits there. */
export function spaceForRefill(progress: Progress): number {
  if (waitingOutside(progress).length === 0) return 0;
  const space = Math.floor((DEFERRED_REFILLED_BYTES_MAX - deferredBytes(progress.stored)) / DEFERRED_BYTES);
  return space < BACKLOG_OFFSETS_MAX ? 0 : space;
}

/** Brings the oldest piece of some backlogs back into the item. Receives take it like any deferred message. */
export async function refill(consumption: Consumption, { queue, progress }: Step, space: number): Promise<Taken> {
  const backlogs = new Backlogs(consumption.items, queue, progress);
  const buckets = waitingOutside(progress).slice(0, REFILLS_PER_WRITE_MAX);
  await backlogs.read(buckets);
  const backlogged = new Set(progress.backlogged);
  let { deferred, messagesOut } = progress;
  for (const bucket of buckets) {
    if (progress.messagesOut - messagesOut + backlogs.sizeOfOldest(bucket) > space) break;
    const offsets = await backlogs.shift(bucket);
    deferred = withDeferred(deferred, bucket, offsets);
    messagesOut -= offsets.length;
    if (backlogs.isEmpty(bucket)) backlogged.delete(bucket);
  }
  const { bucketsOut } = progress;
  const change = new ProgressChange(progress).move(progress, { messagesOut, bucketsOut, backlogged }).defer(progress, deferred);
  const { progress: after } = await consumption.progressStore.transact(queue, progress, change, backlogs.writes);
  return { progress: after, deliveries: [] };
}
