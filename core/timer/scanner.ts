import { StoreUnavailable } from "../ports/store-failures.ts";
import { Sleeper } from "../wake/sleeper.ts";
import { isHeld, type LeaseHolder, type Leases, ShardLeases, type Taken } from "./shard-leases.ts";
import {
  RING_QUIET_MS,
  SCAN_AHEAD_MS,
  SCAN_BEHIND_MS,
  SCAN_LEASE_MS,
  SCAN_LOOK_MS,
  SCAN_RENEW_MS,
  SCAN_TICK_MS,
} from "./timer-limits.ts";
import { type Scanning, TimerScan } from "./timer-scan.ts";

export interface ScanReport {
  /** Delivered messages and finished checks. */
  readonly fired: number;
  readonly parked: number;
  /** Whether other scanners held the shards. */
  readonly held: boolean;
}

export interface ScanOptions {
  /** When it ends. */
  readonly untilMs: number;
  /** When it ends if its shards are behind; other scanners share them meanwhile. Default: `untilMs`. */
  readonly behindUntilMs?: number | undefined;
  /** Names this scan. */
  readonly holder: string;
  /** Whether a doorbell started it, not the schedule. */
  readonly rung?: boolean | undefined;
  /** Whether it takes over from a scan that ends sooner. Default: a scheduled scan does, as no other comes when that scan ends. */
  readonly relieves?: boolean | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/** How much longer than the renewal interval a scanner waits for a renewal. */
const RENEWAL_MS = 500;

/**
 * Fires timers in the only process on the store, until the signal aborts. Sleeps until the next due time, or until an earlier timer is
 * written.
 */
export async function keepTime(scanning: Scanning, signal: AbortSignal): Promise<void> {
  // It looks every tick at least, whatever the clock did meanwhile.
  const scan = new TimerScan(scanning, { lookMs: SCAN_TICK_MS, aheadMs: SCAN_TICK_MS });
  scan.hold(Array.from({ length: scanning.shards.count }, (_, shard) => shard));
  let gaugedMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    // Late timers are reported even while nothing moves.
    await scan.changed(scan.isIdle ? SCAN_TICK_MS : SCAN_RENEW_MS, signal);
    const nowMs = scanning.clock.nowMs();
    if (nowMs - gaugedMs < SCAN_RENEW_MS) continue;
    gaugedMs = nowMs;
    scanning.onGauges(scan.gauges());
  }
  await scan.stop();
}

/** Scans in one of several processes on a store, until the signal aborts. The process that has the shards' leases fires. */
export async function keepScanning(scanning: Scanning, newHolder: () => string, signal: AbortSignal): Promise<void> {
  const { clock, bell, onFailure } = scanning;
  const sleeper = new Sleeper(clock);
  let writtenMs = Number.POSITIVE_INFINITY;
  const deafen = bell.hear((dueMs) => {
    writtenMs = Math.min(writtenMs, dueMs);
    sleeper.wake();
  });
  while (!signal.aborted) {
    writtenMs = Number.POSITIVE_INFINITY;
    let nextMs = clock.nowMs() + SCAN_TICK_MS;
    try {
      const { held } = await scan(scanning, { untilMs: nextMs, holder: newHolder(), relieves: false, signal });
      if (held) nextMs = clock.nowMs() + SCAN_LEASE_MS;
    } catch (error) {
      onFailure(error);
      nextMs = clock.nowMs() + SCAN_LOOK_MS;
    }
    // A scanner that holds the shards finds what this process writes. If there is none, this process must fire it.
    for (let leftMs = 1; leftMs > 0 && !signal.aborted; ) {
      leftMs = Math.min(nextMs, writtenMs) - clock.nowMs();
      await sleeper.sleep(leftMs, signal);
    }
  }
  deafen();
}

/**
 * One scan, as it is scheduled. It looks at each shard once, fires the little that is due, and ends if no more is due within a
 * tick. Else it takes leases of shards, sleeps and fires until nothing is due soon, and gives the leases back. States of a scan:
 *
 * - *looking*: has no lease. Ends if nothing is due within the horizon. A scan that a doorbell started stays for a second, because its
 *   ringer does not ring again for what it writes in that time.
 * - *taking*: wants the leases of all free shards, of shards whose holder's scan ends sooner, and half of the shards of one that is
 *   behind. In a burst it relieves nobody, and looks again; a scan that was rung never relieves. If all shards are held, it waits to see
 *   that their holders live, and takes over from one that does not.
 * - *firing*: holds some shards, and renews their leases. A failed renewal changes nothing, because the lease guards nothing and the
 *   next renewal may succeed. A renewal shows which shards others took.
 * - *leaving*: has given the leases back, and looks once more when all senders know it: they did not ring while the leases were held.
 *
 * Errors: `StoreUnavailable`, of the leases.
 */
export async function scan(scanning: Scanning, options: ScanOptions): Promise<ScanReport> {
  const timerScan = new TimerScan(scanning, { lookMs: SCAN_LOOK_MS, aheadMs: SCAN_AHEAD_MS });
  let held: boolean;
  try {
    await scanning.shards.refresh(scanning.items, scanning.clock.nowMs()).catch(scanning.onFailure);
    held = await runUntilIdle(scanning, timerScan, options);
  } finally {
    await timerScan.stop();
  }
  return { ...timerScan.report, held };
}

/** Answers whether other scanners hold the shards. */
async function runUntilIdle(scanning: Scanning, timerScan: TimerScan, options: ScanOptions): Promise<boolean> {
  const { clock } = scanning;
  const leases = new ShardLeases(scanning);
  let othersAtIt = false;
  const staysUntilMs = options.rung ? clock.nowMs() + RING_QUIET_MS : 0;
  while (clock.nowMs() < options.untilMs && !options.signal?.aborted) {
    const lookedMs = clock.nowMs();
    if (!(await timerScan.glance())) {
      if (lookedMs >= staysUntilMs) return false;
      await clock.sleep(staysUntilMs - lookedMs, options.signal);
      continue;
    }
    // In a burst both would fire what is under way. So it takes over after the burst, or takes a part if the holder is behind.
    const waits = holderOf(options).relieves && timerScan.foundMuch;
    const took = waits
      ? await leases.take(scanning.shards.count, { ...holderOf(options), relieves: false })
      : await takeShards(scanning, leases, options);
    othersAtIt = took.taken.length === 0;
    if (took.taken.length > 0 ? await fireUntilIdle(scanning, timerScan, leases, options, took) : !waits) return true;
    const leftMs = options.untilMs - clock.nowMs();
    await clock.sleep(Math.min(RING_QUIET_MS, leftMs), options.signal);
  }
  return othersAtIt;
}

const holderOf = ({ holder, untilMs, rung = false, relieves = !rung }: ScanOptions): LeaseHolder => ({
  holder,
  endsMs: untilMs,
  relieves,
});

/** Takes nothing if live scanners hold all shards. */
async function takeShards({ clock, shards }: Scanning, leases: ShardLeases, options: ScanOptions): Promise<Taken> {
  let took = await leases.take(shards.count, holderOf(options));
  // One watcher of the scanners is enough.
  if (took.taken.length > 0 || (options.rung && !(await leases.watch(took.leases)))) return took;
  for (;;) {
    const before: Leases = took.leases;
    const endMs = Math.min(...before.shards.map(({ untilMs }) => untilMs));
    const waitMs = Math.min(endMs + 1 - clock.nowMs(), SCAN_RENEW_MS + RENEWAL_MS);
    if (clock.nowMs() + waitMs >= options.untilMs || options.signal?.aborted) return took;
    await clock.sleep(waitMs, options.signal);
    took = await leases.take(shards.count, holderOf(options));
    if (took.taken.length > 0) return took;
    if (took.leases.shards.every(({ untilMs }, shard) => untilMs !== before.shards[shard]?.untilMs)) return took;
  }
}

/** Fires with the leases of some shards, and gives them back. Answers whether other scanners took them all. */
async function fireUntilIdle(
  scanning: Scanning,
  timerScan: TimerScan,
  leases: ShardLeases,
  options: ScanOptions,
  { taken, goneMs }: Taken,
): Promise<boolean> {
  const { clock, onFailure, onGauges } = scanning;
  let held = taken;
  let renewedMs = clock.nowMs();
  timerScan.hold(held, goneMs);
  try {
    for (;;) {
      const wakeMs = Math.min(
        renewedMs + SCAN_RENEW_MS,
        clock.nowMs() < options.untilMs ? options.untilMs : Number.POSITIVE_INFINITY,
      );
      await timerScan.changed(wakeMs - clock.nowMs(), options.signal);
      if (options.signal?.aborted) return false;
      const nowMs = clock.nowMs();
      if (nowMs >= renewedMs + SCAN_RENEW_MS || nowMs < renewedMs) {
        renewedMs = nowMs;
        onGauges(timerScan.gauges());
        const behind = behindOf(timerScan, held, nowMs);
        const now = await renew(scanning, leases, options, held, behind).catch((error: unknown) => {
          if (!StoreUnavailable.is(error)) throw error;
          onFailure(error);
          return { taken: held, goneMs: undefined };
        });
        held = now.taken;
        timerScan.hold(held, now.goneMs);
        if (held.length === 0) return true;
      }
      if (timerScan.isIdle) return false;
      if (nowMs < options.untilMs) continue;
      const goesOn = nowMs < (options.behindUntilMs ?? options.untilMs) && behindOf(timerScan, held, nowMs).size > 0;
      if (!goesOn) return false;
    }
  } finally {
    onGauges(timerScan.gauges());
    timerScan.hold([]);
    await leases.release(held, holderOf(options)).catch((error: unknown) => {
      // The leases end by themselves.
      if (!StoreUnavailable.is(error)) throw error;
    });
  }
}

const behindOf = (timerScan: TimerScan, held: readonly number[], nowMs: number): ReadonlySet<number> =>
  new Set(held.filter((shard) => nowMs - (timerScan.oldestDueMs(shard) ?? nowMs) > SCAN_BEHIND_MS));

/** Renews the leases, and takes shards that others gave back unless it is behind. Answers the shards that it then holds. */
async function renew(
  { clock, shards }: Scanning,
  leases: ShardLeases,
  options: ScanOptions,
  held: readonly number[],
  behind: ReadonlySet<number>,
): Promise<{ readonly taken: readonly number[]; readonly goneMs?: Taken["goneMs"] | undefined }> {
  const { lost, read } = await leases.renew(held, behind, shards.count, holderOf(options));
  const kept = held.filter((shard) => !lost.includes(shard));
  const isFree = read.shards.some((lease) => !isHeld(lease, clock.nowMs()));
  if (kept.length === 0 || behind.size > 0 || !isFree) return { taken: kept };
  const { taken, goneMs } = await leases.take(shards.count, holderOf(options));
  return { taken: [...new Set([...kept, ...taken])], goneMs };
}
