import type { Clock } from "../ports/clock.ts";

/**
 * The clock of leases and waits, which measure durations only. In a process that is alone on its store, this clock continues when the
 * wall clock steps back (a correction, a machine that resumes): else every lease would last longer by the step. Processes that share a
 * store need a common clock, so they follow the wall clock.
 */
export class LeaseClock implements Clock {
  readonly #wall: Clock;
  readonly #steady: boolean;
  #aheadMs = 0;
  #lastMs = 0;

  constructor(wall: Clock, steady: boolean) {
    this.#wall = wall;
    this.#steady = steady;
  }

  nowMs(): number {
    const wallMs = this.#wall.nowMs();
    if (this.#steady && wallMs + this.#aheadMs < this.#lastMs) this.#aheadMs = this.#lastMs - wallMs;
    this.#lastMs = wallMs + this.#aheadMs;
    return this.#lastMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#wall.sleep(ms, signal);
  }

  /** The wall-clock time at which this clock says `atMs`. Callers are told wall-clock times. */
  wallMs(atMs = this.nowMs()): number {
    return atMs - this.#aheadMs;
  }
}
