import { type Clock, TIMER_MS_MAX } from "./clock.ts";
import { type Duration, secondsOf } from "./duration.ts";

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
  timer: ReturnType<typeof setTimeout>;
}

/** Turns of the event loop that what was woken gets to do its work. */
const TURNS = 20;

/** A clock that goes on by itself, and can be put forward. */
export class TestClock implements Clock {
  #aheadMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  now(): number {
    return Date.now() + this.#aheadMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(sleeper.timer);
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper: Sleeper = { untilMs: this.now() + ms, wake, timer: setTimeout(wake, Math.min(ms, TIMER_MS_MAX)) };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
    });
  }

  /** Puts the clock forward, wakes what is due by then, and lets it begin its work. */
  async advance(duration: Duration): Promise<void> {
    this.#aheadMs += secondsOf(duration) * 1_000;
    const nowMs = this.now();
    for (const sleeper of [...this.#sleepers].sort((a, b) => a.untilMs - b.untilMs)) {
      clearTimeout(sleeper.timer);
      if (sleeper.untilMs <= nowMs) sleeper.wake();
      else sleeper.timer = setTimeout(sleeper.wake, Math.min(sleeper.untilMs - nowMs, TIMER_MS_MAX));
    }
    for (let turn = 0; turn < TURNS; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
