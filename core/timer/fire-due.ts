import { timersPk, timersUntil } from "../keys.ts";
import type { Firing } from "./fire-batch.ts";
import { FiringLanes, type FiringReport } from "./firing-lanes.ts";
import { readableTimer } from "./timer.ts";
import { TIMER_SHARDS, TIMERS_LOOKED_PAST_MAX, TIMERS_PER_PAGE } from "./timer-limits.ts";

export interface DueReport extends FiringReport {
  /** Whether some that are due were left: another look is wanted. */
  readonly left: boolean;
  /** When the next timer is due; `undefined` where there is none before the horizon. */
  readonly nextMs: number | undefined;
}

/** Of a look at one shard. */
interface Look {
  readonly shard: number;
  /** What is due by then is fired. */
  readonly dueMs: number;
  /** How far ahead the next timer matters. */
  readonly horizonMs: number;
  /** Reading ends then. */
  readonly untilMs: number;
}

/**
 * Fires everything that is due by now: reads each shard from its beginning, so that nothing inserted late is missed, and hands what
 * it finds to the lane of its queue. A lane that is full or fails passes its later timers over, and the others go on: a slow
 * queue delays others by the patience of one append, and a lane's order is that of the due times. Where little is due, the query
 * that finds it finds what is due next too.
 */
export async function fireDue(firing: Firing, times: { readonly untilMs: number; readonly aheadMs: number }): Promise<DueReport> {
  const lanes = new FiringLanes(firing);
  const dueMs = firing.clock.nowMs();
  const { untilMs, aheadMs } = times;
  const looks = Array.from({ length: TIMER_SHARDS }, (_, shard) => ({ shard, dueMs, horizonMs: dueMs + aheadMs, untilMs }));
  const read = await Promise.allSettled(looks.map((look) => readShard(firing, lanes, look)));
  const report = await lanes.drained();
  const seen = read.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failures = read.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
  const nexts = seen.flatMap(({ nextMs }) => (nextMs === undefined ? [] : [nextMs]));
  return {
    ...report,
    errors: [...report.errors, ...failures],
    left: report.unfinished || failures.length > 0 || seen.some(({ left }) => left),
    nextMs: nexts.length === 0 ? undefined : Math.min(...nexts),
  };
}

/** Items of the first query: an idle shard's next timer may be behind tombstones. */
const GLANCE = 8;

async function readShard(
  { items, clock }: Firing,
  lanes: FiringLanes,
  { shard, dueMs, horizonMs, untilMs }: Look,
): Promise<{ readonly left: boolean; readonly nextMs?: number | undefined }> {
  const pk = timersPk(shard);
  let from: string | undefined;
  let left = false;
  let messagesPassedOver = 0;
  let glanceAt = GLANCE;
  // First a few, as far as the horizon; while more is due, pages of that alone; then from there on a few again.
  for (let glance = true; ; glance = (from ?? "") > timersUntil(dueMs)) {
    await lanes.room();
    const page = await items.query({
      pk,
      ...(from !== undefined && { from }),
      to: timersUntil(glance ? horizonMs : dueMs),
      limit: glance ? glanceAt : TIMERS_PER_PAGE,
    });
    const timers = page.items.map(readableTimer).filter((timer) => timer !== undefined);
    const { passedOver, messages } = await lanes.take(timers.filter((timer) => timer.dueMs <= dueMs));
    left ||= passedOver > 0;
    messagesPassedOver += messages;
    const next = timers.find((timer) => timer.dueMs > dueMs && timer.kind !== "tombstone");
    if (next || (glance && !page.more)) return { left, nextMs: next?.dueMs };
    if (messagesPassedOver > TIMERS_LOOKED_PAST_MAX || clock.nowMs() >= untilMs) return { left: true };
    // Nothing but tombstones ahead: they are small.
    if (glance && from !== undefined) glanceAt = TIMERS_PER_PAGE;
    const last = page.items.at(-1)?.sk;
    from = page.more && last !== undefined ? `${last}\u0000` : `${timersUntil(dueMs)}\u0000`;
  }
}
