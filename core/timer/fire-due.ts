import { timersPk, timersUntil } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { Firing } from "./fire-batch.ts";
import { FiringLanes, type FiringReport } from "./firing-lanes.ts";
import { type CheckTimer, type MessageTimer, timerOf } from "./timer.ts";
import { TIMER_SHARDS, TIMERS_LOOKED_PAST_MAX, TIMERS_PER_PAGE } from "./timer-limits.ts";

export interface DueReport extends FiringReport {
  /** Whether some that are due were left: another look is wanted. */
  readonly left: boolean;
}

/**
 * Fires everything that is due by now: reads each shard from its beginning, so that nothing inserted late is missed, and hands what
 * it finds to the lane of its queue. A lane that is full or fails passes its later timers over, and the others go on: one slow
 * queue delays nobody, and a lane's order is that of the due times. Stops reading at `untilMs`.
 */
export async function fireDue(firing: Firing, untilMs: number): Promise<DueReport> {
  const lanes = new FiringLanes(firing);
  const dueMs = firing.clock.nowMs();
  const shards = Array.from({ length: TIMER_SHARDS }, (_, shard) => shard);
  const reading = await Promise.allSettled(shards.map((shard) => readShard(firing, lanes, { shard, dueMs, untilMs })));
  const report = await lanes.drained();
  const failures = reading.flatMap((read) => (read.status === "rejected" ? [read.reason] : []));
  const left = report.unfinished || reading.some((read) => read.status === "rejected" || read.value);
  return { ...report, errors: [...report.errors, ...failures], left };
}

/** Answers whether due timers were left. */
async function readShard(
  { items, clock }: Firing,
  lanes: FiringLanes,
  { shard, dueMs, untilMs }: { readonly shard: number; readonly dueMs: number; readonly untilMs: number },
): Promise<boolean> {
  let after: string | undefined;
  let passedOver = 0;
  for (;;) {
    await lanes.room();
    const from = after === undefined ? undefined : `${after}\u0000`;
    const page = await items.query({
      pk: timersPk(shard),
      ...(from !== undefined && { from }),
      to: timersUntil(dueMs),
      limit: TIMERS_PER_PAGE,
    });
    after = page.items.at(-1)?.sk;
    passedOver += await lanes.take(page.items.flatMap(liveTimer));
    if (!page.more) return passedOver > 0;
    if (passedOver > TIMERS_LOOKED_PAST_MAX || clock.nowMs() >= untilMs) return true;
  }
}

/** When the first timer after `afterMs` is due; `undefined` where there is none before `horizonMs`. */
export async function nextDueMs(items: ItemStore, afterMs: number, horizonMs: number): Promise<number | undefined> {
  const shards = Array.from({ length: TIMER_SHARDS }, (_, shard) => nextOfShard(items, shard, afterMs, horizonMs));
  const dues = (await Promise.all(shards)).filter((due): due is number => due !== undefined);
  return dues.length === 0 ? undefined : Math.min(...dues);
}

const LOOKED_AT_ONCE = 8;

/** Tombstones wait for their hour here too. */
async function nextOfShard(items: ItemStore, shard: number, afterMs: number, horizonMs: number): Promise<number | undefined> {
  let from = timersUntil(afterMs);
  for (;;) {
    const page = await items.query({ pk: timersPk(shard), from, to: timersUntil(horizonMs), limit: LOOKED_AT_ONCE });
    const [next] = page.items.flatMap(liveTimer);
    if (next) return next.dueMs;
    const last = page.items.at(-1);
    if (!page.more || !last) return undefined;
    from = `${last.sk}\u0000`;
  }
}

/** Nothing for a tombstone, nor for what cannot be read: it must not stop the others. */
function liveTimer(item: Item): readonly (MessageTimer | CheckTimer)[] {
  try {
    const timer = timerOf(item);
    return timer.kind === "tombstone" ? [] : [timer];
  } catch (error) {
    if (StoreCorrupt.is(error)) return [];
    throw error;
  }
}
