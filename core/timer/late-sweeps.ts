import { timerSk } from "../keys.ts";
import { LATE_SWEEP_MS, LATE_WRITE_MS, SHORT_SWEEP_PAGES_MAX, TIMERS_PER_PAGE } from "./timer-limits.ts";

interface Sweep {
  from: string;
  readonly to: string;
  readonly beganMs: number;
  readonly full: boolean;
  read: number;
}

/**
 * Decides when a reader reads again before its front, for timers that were written late: the last seconds often, everything now and
 * then. The more a sweep reads, the later it is repeated.
 *
 * A timer that is written after a sweep began may lie behind the sweep's place. So the next sweep starts as far back as such a timer
 * can be: LATE_WRITE_MS before the last one began.
 */
export class LateSweeps {
  #sweep: Sweep | undefined;
  #beganMs = 0;
  /** When the last finished sweep began. */
  #sweptMs = 0;
  #wasShort = true;
  #nextMs = 0;
  #nextFullMs = 0;

  /**
   * Whether an ordered timer that is due at `dueMs` must wait for a sweep: an earlier one of its group may have been written late. Not
   * if the last seconds hold so much that a sweep takes too long.
   */
  isWantedBefore(dueMs: number): boolean {
    return this.#wasShort && dueMs > this.#sweptMs;
  }

  /** Makes the next sweep begin now. */
  hasten(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, nowMs);
  }

  /** The range to read now; `undefined`: nothing. `start`: before all timers. */
  range(front: string, start: string, nowMs: number): { readonly from: string; readonly to: string } | undefined {
    // If the clock was set back, none of these times means anything.
    const setBack = nowMs < this.#beganMs;
    if (!this.#sweep && (nowMs >= this.#nextMs || setBack)) {
      const full = nowMs >= this.#nextFullMs || setBack;
      const from = full ? start : timerSk(Math.max(0, this.#beganMs - LATE_WRITE_MS), "");
      this.#beganMs = nowMs;
      if (from < front) this.#sweep = { from, to: front, beganMs: nowMs, full, read: 0 };
      else this.#swept(nowMs, nowMs + LATE_SWEEP_MS.least, true);
    }
    return this.#sweep;
  }

  /** All timers are read from the first on, late ones included. */
  wasReadFull(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#swept(nowMs, nowMs + LATE_SWEEP_MS.least, true);
    this.#nextFullMs = nowMs + LATE_SWEEP_MS.full;
  }

  /** A page of the sweep was read. `next`: where the sweep continues; absent: the page was the last. */
  wasRead(count: number, next: string | undefined, nowMs: number): void {
    const sweep = this.#sweep;
    if (!sweep) return;
    sweep.read += count;
    if (next !== undefined) {
      sweep.from = next;
      return;
    }
    this.#sweep = undefined;
    const tookMs = nowMs - sweep.beganMs;
    const isShort = sweep.read <= SHORT_SWEEP_PAGES_MAX * TIMERS_PER_PAGE;
    const leastMs = sweep.read <= TIMERS_PER_PAGE ? LATE_SWEEP_MS.least : LATE_SWEEP_MS.many;
    // A full sweep does not show how long a sweep of the last seconds takes.
    this.#swept(sweep.beganMs, nowMs + Math.max(leastMs, tookMs), isShort || (sweep.full && this.#wasShort));
    if (sweep.full) this.#nextFullMs = nowMs + Math.max(LATE_SWEEP_MS.full, 20 * tookMs);
  }

  #swept(beganMs: number, nextMs: number, wasShort: boolean): void {
    this.#sweptMs = beganMs;
    this.#nextMs = nextMs;
    this.#wasShort = wasShort;
  }
}
