import type { Clock } from "../ports/clock.ts";

/**
 * The clock of leases and waits, which only have to last so long. In a process that is alone on its store it goes on where the wall
 * clock steps back (a correction, a machine that resumes): else every lease would last longer by the step. Processes that share a
 * store need a clock that they share too, and follow the wall clock.
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

  /** What the wall clock says, or will say, when this clock says `atMs`. Callers are told times of the wall clock. */
  wallMs(atMs = this.nowMs()): number {
    return atMs - this.#aheadMs;
  }
}
