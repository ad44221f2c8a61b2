import { TIMER_LEASE_KEY } from "../keys.ts";
import { SCAN_LEASE_MS, SCAN_LOOK_MS, SCAN_TICK_MS } from "../limits.ts";
import type { Condition, Item } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { Firing } from "./fire-batch.ts";
import { fireDue, nextDueMs } from "./fire-due.ts";
import type { TimerBell } from "./timer-bell.ts";

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
 * One run of the scheduled scanner, until shortly before the next tick. It ends at once when nothing is due within a tick; else it
 * takes the lease, so that one scanner is at it, and fires and sleeps until nothing is. The lease only saves work: two scanners at
 * once fire each timer once. What is written meanwhile is seen within a second. Errors: `StoreUnavailable`.
 */
export async function scan(scanning: Scanning, { untilMs, holder }: { untilMs: number; holder: string }): Promise<ScanReport> {
  const report = { fired: 0, parked: 0, held: false };
  while (scanning.clock.nowMs() < untilMs && (await somethingComes(scanning))) {
    if (!(await takeLease(scanning, holder, untilMs))) return { ...report, held: true };
    try {
      await fireUntilIdle(scanning, holder, untilMs, report);
    } finally {
      await releaseLease(scanning, holder);
    }
    // Once more: whoever wrote while the lease was held did not ring.
  }
  return report;
}

async function fireUntilIdle(
  scanning: Scanning,
  holder: string,
  untilMs: number,
  report: { fired: number; parked: number },
): Promise<void> {
  const { clock } = scanning;
  for (let renewedMs = clock.nowMs(); clock.nowMs() < untilMs; ) {
    if (clock.nowMs() - renewedMs > SCAN_LEASE_MS / 2) {
      if (!(await takeLease(scanning, holder, clock.nowMs()))) return;
      renewedMs = clock.nowMs();
    }
    const { fired, parked, wakeMs, idle } = await look(scanning, Math.min(untilMs, renewedMs + SCAN_LEASE_MS / 2));
    report.fired += fired;
    report.parked += parked;
    if (idle) return;
    await clock.sleep(Math.min(wakeMs - clock.nowMs(), SCAN_LOOK_MS, untilMs - clock.nowMs()));
  }
}

/** Fires what is due, and says when to look again. */
async function look(scanning: Scanning, untilMs: number) {
  const { clock, items } = scanning;
  const startedMs = clock.nowMs();
  const { fired, parked, left, errors } = await fireDue(scanning, untilMs);
  for (const error of errors) scanning.onFailure(error);
  if (left) return { fired, parked, idle: false, wakeMs: clock.nowMs() + (fired > 0 ? 0 : RETRY_MS) };
  const horizonMs = startedMs + SCAN_TICK_MS;
  const nextMs = await nextDueMs(items, startedMs, horizonMs);
  return { fired, parked, idle: nextMs === undefined, wakeMs: nextMs ?? horizonMs };
}

const somethingComes = async ({ items, clock }: Scanning): Promise<boolean> =>
  (await nextDueMs(items, -1, clock.nowMs() + SCAN_TICK_MS)) !== undefined;

/** Waits for another holder's lease to end, if it can end before `untilMs`: the holder may be dead. False: someone else has it. */
async function takeLease({ items, clock }: Scanning, holder: string, untilMs: number): Promise<boolean> {
  for (let waited = false; ; ) {
    const lease = await items.get(TIMER_LEASE_KEY);
    const leftMs = lease && lease.h !== holder ? Math.min((lease.u as number) - clock.nowMs(), SCAN_LEASE_MS) : 0;
    if (leftMs > 0) {
      if (waited || clock.nowMs() + leftMs >= untilMs) return false;
      waited = true;
      await clock.sleep(leftMs + 1);
      continue;
    }
    const result = await items.put(leaseItem(holder, clock.nowMs() + SCAN_LEASE_MS), { when: asRead(lease) });
    if (result.ok) return true;
    if (waited) return false;
    waited = true;
  }
}

async function releaseLease({ items }: Scanning, holder: string): Promise<void> {
  try {
    await items.put(leaseItem("", 0), { when: [{ op: "=", name: "h", value: holder }] });
  } catch (error) {
    // It ends by itself.
    if (!StoreUnavailable.is(error)) throw error;
  }
}

const leaseItem = (holder: string, untilMs: number): Item => ({ ...TIMER_LEASE_KEY, h: holder, u: untilMs });

const asRead = (lease: Item | undefined): readonly Condition[] =>
  lease
    ? [
        { op: "=", name: "h", value: lease.h as string },
        { op: "=", name: "u", value: lease.u as number },
      ]
    : [{ op: "absent", name: "pk" }];
