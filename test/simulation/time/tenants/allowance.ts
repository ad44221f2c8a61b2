import { SCAN_LEASE_MS, SCAN_TICK_MS } from "../../../../core/timer/timer-limits.ts";
import { SKEW_MS } from "../frozen-clock.ts";
import type { Scanned, Trouble } from "./plan.ts";

/** How late a delivery may be for tenants without backlog, slow queue or slow endpoint, whatever others have. */
const LATE_MS_MAX = 2_000;
/** Within this time a dead scanner is noticed and replaced. */
const MADE_GOOD_MS = 5_000;
/** A scanner starts with a tick, and takes over from a late one. */
const NEXT_TICK_MS = SCAN_TICK_MS + SCAN_LEASE_MS;

/** How late due timers may be, given the trouble of a history. */
export class Allowance {
  readonly #trouble: Trouble;
  readonly #scanned: Scanned;
  readonly #deathsMs: number[] = [];

  constructor(trouble: Trouble, scanned: Scanned) {
    this.#trouble = trouble;
    this.#scanned = scanned;
  }

  /** Anything may fail at any time, so only the final outcome is certain. */
  get isUnbounded(): boolean {
    return this.#trouble === "wild";
  }

  /** A scanner died, or failed. */
  scannerDied(atMs: number): void {
    this.#deathsMs.push(atMs);
  }

  /** Until when a timer that was due then must have been fired. */
  latestMs(dueMs: number): number {
    if (this.isUnbounded) return Number.POSITIVE_INFINITY;
    // Rings are not heard, so no scanner comes before the next tick.
    if (this.#trouble === "unheard") return dueMs + LATE_MS_MAX + NEXT_TICK_MS;
    const lateMs = LATE_MS_MAX + (this.#trouble === "skew" ? 2 * SKEW_MS : 0);
    // A server watches the others only if it has something to wait for. Otherwise it comes with its next tick.
    const madeGoodMs = this.#scanned === "byServers" ? NEXT_TICK_MS : MADE_GOOD_MS;
    let latestMs = dueMs + lateMs;
    for (const deathMs of this.#deathsMs)
      if (deathMs <= latestMs && dueMs <= deathMs + madeGoodMs) latestMs = Math.max(latestMs, deathMs + madeGoodMs + lateMs);
    return latestMs;
  }

  /** How many checks may have been lost with a scanner in between: made, but not posted. */
  missedMax(fromMs: number, toMs: number): number {
    if (this.isUnbounded) return Number.POSITIVE_INFINITY;
    return this.#deathsMs.filter((deathMs) => deathMs >= fromMs - LATE_MS_MAX && deathMs <= toMs).length;
  }
}
