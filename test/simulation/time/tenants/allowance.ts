import { SCAN_LEASE_MS, SCAN_TICK_MS } from "../../../../core/timer/timer-limits.ts";
import { SKEW_MS } from "../frozen-clock.ts";
import type { Scanned, Trouble } from "./plan.ts";

/** How late it may be for those who have no backlog, no slow queue and no slow endpoint, whatever others have. */
const LATE_MS_MAX = 2_000;
/** A scanner that died is missed, and followed by another, within this time. */
const MADE_GOOD_MS = 5_000;
/** A scanner starts with a tick, and takes over from one that is late. */
const NEXT_TICK_MS = SCAN_TICK_MS + SCAN_LEASE_MS;

/** How late what is due may be, for what goes wrong in a history. */
export class Allowance {
  readonly #trouble: Trouble;
  readonly #scanned: Scanned;
  readonly #deathsMs: number[] = [];

  constructor(trouble: Trouble, scanned: Scanned) {
    this.#trouble = trouble;
    this.#scanned = scanned;
  }

  /** Anything may fail at any time: only what becomes of it at last is certain. */
  get isUnbounded(): boolean {
    return this.#trouble === "wild";
  }

  /** A scanner died, or could not go on. */
  scannerDied(atMs: number): void {
    this.#deathsMs.push(atMs);
  }

  /** Until when what was due then must have happened. */
  latestMs(dueMs: number): number {
    if (this.isUnbounded) return Number.POSITIVE_INFINITY;
    // Nobody is rung, so nobody is there before the next tick.
    if (this.#trouble === "unheard") return dueMs + LATE_MS_MAX + NEXT_TICK_MS;
    const lateMs = LATE_MS_MAX + (this.#trouble === "skew" ? 2 * SKEW_MS : 0);
    // A server looks after others only where it has something to wait for; else it comes with its next tick.
    const madeGoodMs = this.#scanned === "byServers" ? NEXT_TICK_MS : MADE_GOOD_MS;
    let latestMs = dueMs + lateMs;
    for (const deathMs of this.#deathsMs)
      if (deathMs <= latestMs && dueMs <= deathMs + madeGoodMs) latestMs = Math.max(latestMs, deathMs + madeGoodMs + lateMs);
    return latestMs;
  }

  /** How many checks may have been lost in between with a scanner: those it had made, and not posted. */
  missedMax(fromMs: number, toMs: number): number {
    if (this.isUnbounded) return Number.POSITIVE_INFINITY;
    return this.#deathsMs.filter((deathMs) => deathMs >= fromMs - LATE_MS_MAX && deathMs <= toMs).length;
  }
}
