import { CapacityStage, type Scanners } from "./capacity-stage.ts";
import { type DueChecks, fillDueChecks } from "./due-checks.ts";
import { type DueTimers, fillDueTimers } from "./due-timers.ts";
import { Fired } from "./fired.ts";

/** Timers that fall due together, and the scanners that fire them. */
export interface Burst {
  readonly shards: number;
  readonly scanners: Scanners;
  /** The time over which they fall due, one after the other. */
  readonly withinMs: number;
  readonly due: Omit<DueTimers, "dueMs"> | Omit<DueChecks, "checkAfterMs">;
}

export interface FiredBurst {
  /** From the first due time until the last timer was fired. */
  readonly tookMs: number;
  readonly perSecond: number;
  /** Timers read, read units and write units, for each timer fired. */
  readonly timersRead: number;
  readonly readUnits: number;
  readonly writeUnits: number;
  /** Units of refused transactions: another scanner was quicker. */
  readonly refusedUnits: number;
  readonly timersPerTransaction: number;
  readonly throttledCalls: number;
  readonly failures: number;
  /** Shares of the units that the shards' keys take, and of the scanners' processor time, while all scanners were at work. */
  readonly ofUnits: number;
  readonly ofProcessors: number;
  /** The longest time that a call waited for its process. */
  readonly longestProcessorWaitMs: number;
}

const AHEAD_MS = 5_000;
/** When a new scanner has surely taken its share: the earlier one must first have been behind for a while. */
const JOINED_MS = 9_000;
const LOOK_MS = 100;
/** The end of a burst concerns only some queues. */
const MOST = 0.95;
const UNITS_PER_SECOND = 1_000;

/** Fires all of it. The rate is measured from when all scanners are at work until most is fired. */
export async function fireBurst({ shards, scanners, withinMs, due }: Burst): Promise<FiredBurst> {
  let fired: Fired | undefined;
  const stage = new CapacityStage(shards, {
    onTransacted: (writes) => fired?.hear(writes),
    onDeleted: (key) => fired?.went(key),
  });
  const heard = new Fired(() => stage.nowMs());
  fired = heard;
  const startMs = stage.nowMs() + AHEAD_MS;
  const broker = await stage.setUp();
  await stage.play(() =>
    "ended" in due
      ? fillDueChecks(broker, { ...due, checkAfterMs: AHEAD_MS })
      : fillDueTimers(stage.items, broker, shards, { ...due, dueMs: (at) => startMs + Math.floor((at * withinMs) / due.count) }),
  );
  heard.reset();
  const { use } = stage.table;
  const state = () => ({ ms: stage.nowMs(), count: heard.count, units: use.timerUnits, busyMs: stage.busyMs() });
  let from = state();
  let to = from;
  const watch = async (): Promise<void> => {
    await stage.pass(startMs - stage.nowMs() + (scanners.atOnce - 1) * scanners.tickMs + (scanners.atOnce > 1 ? JOINED_MS : 0));
    from = state();
    // The burst was over before all scanners had come: then the rate is that of the whole burst.
    if (heard.count >= MOST * due.count) from = { ms: startMs, count: 0, units: 0, busyMs: 0 };
    while (heard.count < MOST * due.count) await stage.pass(LOOK_MS);
    to = state();
  };
  await stage.play(() => Promise.all([watch(), stage.scan(scanners, () => heard.count >= due.count)]));
  const seconds = (to.ms - from.ms) / 1_000;
  return {
    tookMs: heard.lastMs - startMs,
    perSecond: (to.count - from.count) / seconds,
    timersRead: use.itemsRead / due.count,
    readUnits: use.readUnits / due.count,
    writeUnits: use.writeUnits / due.count,
    refusedUnits: use.refusedUnits / due.count,
    timersPerTransaction: due.count / use.transactions,
    throttledCalls: use.throttled,
    failures: stage.failures.length,
    ofUnits: (to.units - from.units) / (seconds * shards * UNITS_PER_SECOND),
    ofProcessors: (to.busyMs - from.busyMs) / (seconds * 1_000 * scanners.atOnce),
    longestProcessorWaitMs: Math.max(0, ...stage.processors.map(({ longestWaitMs }) => longestWaitMs)),
  };
}
