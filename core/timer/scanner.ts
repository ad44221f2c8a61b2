import { TIMER_LEASE_KEY } from "../keys.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { Firing } from "./fire-batch.ts";
import { fireDue } from "./fire-due.ts";
import type { TimerBell } from "./timer-bell.ts";
import { RING_QUIET_MS, SCAN_LEASE_MS, SCAN_LOOK_MS, SCAN_RELIEF_MS, SCAN_TICK_MS } from "./timer-limits.ts";

export interface Scanning extends Firing {
  readonly bell: TimerBell;
  /** Hears of what stopped some timers for a while. */
  readonly onFailure: (error: unknown) => void;
}

export interface ScanReport {
  readonly fired: number;
  readonly parked: number;
  /** Whether another scanner was at it. */
  readonly held: boolean;
}

export interface ScanRun {
  readonly untilMs: number;
  /** Names this run. */
  readonly holder: string;
  /** Whether a doorbell started it, not the schedule. */
  readonly rung?: boolean | undefined;
}

/** After a look that left due timers behind, for a store that fails or a queue that is slow. */
const RETRY_MS = 200;
/** A sole process looks at least so often, whatever the clock did meanwhile. */
const SOLE_LOOK_MS = SCAN_TICK_MS;

/**
 * Fires timers in the only process on the store, until the signal aborts: sleeps to the next due time, or until an earlier one is
 * written.
 */
export async function keepTime(scanning: Scanning, signal: AbortSignal): Promise<void> {
  const { clock, bell, onFailure } = scanning;
  while (!signal.aborted) {
    bell.listen();
    let wakeMs: number;
    try {
      wakeMs = (await look(scanning, clock.nowMs() + SOLE_LOOK_MS)).wakeMs;
    } catch (error) {
      onFailure(error);
      wakeMs = clock.nowMs() + SCAN_LOOK_MS;
    }
    await bell.sleep(wakeMs, signal);
  }
}

/**
 * One run of the scheduled scanner: fires what is due, and ends when nothing is within a tick. Else it takes the lease, so that one
 * scanner is at it, and sleeps and fires until nothing is. A run longer than the tick is relieved by the next one, so that there is
 * no gap between the two. The lease only saves work: two scanners at once fire each timer once. What is written meanwhile is
 * seen within a second. Errors: `StoreUnavailable`.
 */
export async function scan(scanning: Scanning, run: ScanRun): Promise<ScanReport> {
  const { clock } = scanning;
  const { untilMs, rung = false } = run;
  const report = { fired: 0, parked: 0, held: false };
  // Whoever rang relies on this run for what it writes before it would ring again.
  const staysUntilMs = rung ? clock.nowMs() + RING_QUIET_MS : 0;
  while (clock.nowMs() < untilMs) {
    const lookedMs = clock.nowMs();
    const { idle, wakeMs } = await lookFor(scanning, untilMs, report);
    if (!idle && (await takeLease(scanning, run))) {
      const relieved = await fireUntilIdle(scanning, run, wakeMs, report);
      if (relieved) return { ...report, held: true };
      // Once more: whoever wrote while the lease was held did not ring.
      continue;
    }
    if (lookedMs >= staysUntilMs) return { ...report, held: !idle };
    await clock.sleep(staysUntilMs - lookedMs);
  }
  return report;
}

interface Counts {
  fired: number;
  parked: number;
}

async function lookFor(scanning: Scanning, untilMs: number, counts: Counts): Promise<{ idle: boolean; wakeMs: number }> {
  const { fired, parked, idle, wakeMs } = await look(scanning, untilMs);
  counts.fired += fired;
  counts.parked += parked;
  return { idle, wakeMs };
}

/** With the lease, which it gives back. Answers whether someone else took it. */
async function fireUntilIdle(scanning: Scanning, run: ScanRun, firstMs: number, counts: Counts): Promise<boolean> {
  const { clock } = scanning;
  const { untilMs } = run;
  let renewedMs = clock.nowMs();
  let wakeMs = firstMs;
  try {
    for (;;) {
      await clock.sleep(Math.min(wakeMs - clock.nowMs(), SCAN_LOOK_MS, untilMs - clock.nowMs()));
      if (clock.nowMs() >= untilMs) return false;
      if (clock.nowMs() - renewedMs > SCAN_LEASE_MS / 2) {
        if (!(await renewLease(scanning, run))) return true;
        renewedMs = clock.nowMs();
      }
      const seen = await lookFor(scanning, Math.min(untilMs, renewedMs + SCAN_LEASE_MS / 2), counts);
      if (seen.idle) return false;
      wakeMs = seen.wakeMs;
    }
  } finally {
    await releaseLease(scanning, run);
  }
}

/** Fires what is due, and says when to look again; `idle`: nothing is due within a tick. */
async function look(scanning: Scanning, untilMs: number) {
  const { clock } = scanning;
  const startedMs = clock.nowMs();
  const { fired, parked, left, nextMs, errors } = await fireDue(scanning, { untilMs, aheadMs: SCAN_TICK_MS });
  for (const error of errors) scanning.onFailure(error);
  if (left) return { fired, parked, idle: false, wakeMs: clock.nowMs() + (fired > 0 ? 0 : RETRY_MS) };
  return { fired, parked, idle: nextMs === undefined, wakeMs: nextMs ?? startedMs + SCAN_TICK_MS };
}

/**
 * Takes the lease, unless someone else has it: one who lives, as is seen when they renew it, and who does not end sooner. False: they
 * are at it. One who ends sooner is relieved, and finds out when they renew.
 */
async function takeLease({ items, clock }: Scanning, run: ScanRun): Promise<boolean> {
  let met: Item | undefined;
  while (clock.nowMs() < run.untilMs) {
    const lease = await items.get(TIMER_LEASE_KEY);
    const leftMs = lease ? Math.min((lease.u as number) - clock.nowMs(), SCAN_LEASE_MS) : 0;
    const endsSooner = lease !== undefined && (lease.e as number) < run.untilMs - SCAN_RELIEF_MS;
    if (leftMs <= 0 || endsSooner) {
      const result = await items.put(leaseItem(run, clock.nowMs()), { when: asRead(lease) });
      if (result.ok) return true;
      continue;
    }
    if (met && met.u !== lease?.u) return false;
    met = lease;
    await clock.sleep(Math.min(leftMs + 1, SCAN_LOOK_MS));
  }
  return false;
}

async function renewLease({ items, clock }: Scanning, run: ScanRun): Promise<boolean> {
  const result = await items.put(leaseItem(run, clock.nowMs()), { when: heldBy(run) });
  return result.ok;
}

async function releaseLease({ items }: Scanning, run: ScanRun): Promise<void> {
  try {
    await items.put({ ...TIMER_LEASE_KEY, h: "", u: 0, e: 0 }, { when: heldBy(run) });
  } catch (error) {
    // It ends by itself.
    if (!StoreUnavailable.is(error)) throw error;
  }
}

/** [h] holder · [u] until when they hold it · [e] when their run ends. */
const leaseItem = ({ holder, untilMs }: ScanRun, nowMs: number): Item => ({
  ...TIMER_LEASE_KEY,
  h: holder,
  u: nowMs + SCAN_LEASE_MS,
  e: untilMs,
});

const heldBy = ({ holder }: ScanRun): readonly Condition[] => [{ op: "=", name: "h", value: holder }];

const asRead = (lease: Item | undefined): readonly Condition[] =>
  lease
    ? [
        { op: "=", name: "h", value: lease.h as string },
        { op: "=", name: "u", value: lease.u as number },
      ]
    : [{ op: "absent", name: "pk" }];
