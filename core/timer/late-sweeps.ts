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
 * When a reader looks again at what lies before its front, for timers that were written late: at the last seconds often, at all now and
 * then. The more a sweep reads, the longer it is not repeated.
 *
 * What is written after a sweep has begun may lie behind it. So the next sweep begins where the one before would have found the latest
 * of these: LATE_WRITE_MS before it began.
 */
export class LateSweeps {
  #sweep: Sweep | undefined;
  #beganMs = 0;
  /** Began so, and is over. */
  #sweptMs = 0;
  #wasShort = true;
  #nextMs = 0;
  #nextFullMs = 0;

  /**
   * One that is due then must not overtake an earlier one: whether what was written meanwhile is to be looked for first. Where the last
   * seconds hold much that takes too long.
   */
  isWantedBefore(dueMs: number): boolean {
    return this.#wasShort && dueMs > this.#sweptMs;
  }

  /** Has the next sweep begin now. */
  hasten(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, nowMs);
  }

  /** What is to be read now; `undefined`: nothing. `start`: the beginning of all. */
  range(front: string, start: string, nowMs: number): { readonly from: string; readonly to: string } | undefined {
    // Where the clock was set back, none of these times tells anything.
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

  /** All is read from the first timer on, late ones with it. */
  wasReadFull(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#swept(nowMs, nowMs + LATE_SWEEP_MS.least, true);
    this.#nextFullMs = nowMs + LATE_SWEEP_MS.full;
  }

  /** A page of it was read. `next`: where it goes on; absent: it was the last. */
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
    // One of all tells nothing of the others.
    this.#swept(sweep.beganMs, nowMs + Math.max(leastMs, tookMs), isShort || (sweep.full && this.#wasShort));
    if (sweep.full) this.#nextFullMs = nowMs + Math.max(LATE_SWEEP_MS.full, 20 * tookMs);
  }

  #swept(beganMs: number, nextMs: number, wasShort: boolean): void {
    this.#sweptMs = beganMs;
    this.#nextMs = nextMs;
    this.#wasShort = wasShort;
  }
}
