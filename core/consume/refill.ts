import { BACKLOG_OFFSETS_MAX, ORDERED_REFILL_BYTES_MAX, PARKED_BYTES, REFILLS_PER_WRITE_MAX } from "../limits.ts";
import type { Item } from "../ports/item-store.ts";
import { Backlogs, movedChanges, unmoved } from "./backlog.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { heldBuckets } from "./delivery-order.ts";
import { itemBytes } from "./item-bytes.ts";
import { parkedAsRead, parkedChanges, withParked } from "./parked.ts";
import { type Progress, progressOf } from "./progress.ts";
import type { Taken } from "./take-from-queue.ts";
import { transactMoves } from "./transact-moves.ts";

const REFILL_BYTES = BACKLOG_OFFSETS_MAX * PARKED_BYTES;

/** Buckets that are free to be delivered, and whose next messages are outside the item. */
export function waitingOutside(progress: Progress): readonly number[] {
  if (progress.backlogged.size === 0) return [];
  const held = heldBuckets("messageGroup", progress);
  const inside = new Set(progress.parked.buckets);
  return [...progress.backlogged].filter((bucket) => !held.has(bucket) && !inside.has(bucket));
}

/** Those of them that the item has room for now. */
export function refillable(item: Item): readonly number[] {
  const room = Math.floor((ORDERED_REFILL_BYTES_MAX - itemBytes(item)) / REFILL_BYTES);
  return room <= 0 ? [] : waitingOutside(progressOf(item)).slice(0, Math.min(room, REFILLS_PER_WRITE_MAX));
}

/** Brings the oldest piece of some backlogs back into the item, where it is taken like everything parked. */
export async function refill(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  buckets: readonly number[],
): Promise<Taken> {
  const progress = progressOf(item);
  const backlogs = new Backlogs(consumption.items, queue, progress);
  await backlogs.read(buckets);
  const backlogged = new Set(progress.backlogged);
  let { parked, spilled } = progress;
  for (const bucket of buckets) {
    const offsets = await backlogs.shift(bucket);
    parked = withParked(parked, bucket, offsets);
    spilled -= offsets.length;
    if (backlogs.isEmpty(bucket)) backlogged.delete(bucket);
  }
  const { item: after } = await transactMoves(
    consumption,
    queue,
    item,
    {
      changes: [
        ...movedChanges(progress, { spilled, bucketsOut: progress.bucketsOut, backlogged }),
        ...parkedChanges(item, parked),
      ],
      when: [...unmoved(progress), parkedAsRead(item)],
    },
    backlogs.writes,
  );
  return { item: after, deliveries: [] };
}
