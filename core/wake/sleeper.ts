import type { Clock } from "../ports/clock.ts";

/** Given as the reason, since an abort without one makes an error, stack and all. */
const WOKEN = "woken";

/** A sleep that may be ended. A call to `wake` while nobody sleeps ends the next one at once. */
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

  /** Until it is woken, after `ms`, or once the signal aborts. */
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
