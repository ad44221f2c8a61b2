import type { Clock } from "../ports/clock.ts";

/** The reason of aborts: without one, an abort creates an error with its stack. */
const WOKEN = "woken";

/** A sleep that can be ended. If nobody sleeps, `wake` ends the next sleep at once. */
export class Sleeper {
  readonly #clock: Clock;
  #woken = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Sleeps until it is woken, `ms` have passed, or the signal aborts. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#woken && !signal?.aborted && ms > 0) {
      const ending = new AbortController();
      const end = () => ending.abort(WOKEN);
      this.#wake = end;
      signal?.addEventListener("abort", end, { once: true });
      await this.#clock.sleep(ms, ending.signal);
      signal?.removeEventListener("abort", end);
      this.#wake = undefined;
    }
    this.#woken = false;
  }
}
