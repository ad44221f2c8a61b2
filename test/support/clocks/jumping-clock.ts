import type { Clock } from "../../../core/ports/clock.ts";

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

/** A clock that jumps to the first sleeper, once nobody can continue without that. */
export class JumpingClock implements Clock {
  #nowMs = 1_800_000_000_000;
  readonly #sleepers = new Set<Sleeper>();
  #jumping = false;

  nowMs(): number {
    return this.#nowMs;
  }

  /** Moves forward, and answers the time. */
  pass(ms: number): number {
    this.#nowMs += ms;
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { untilMs: this.#nowMs + Math.max(0, Math.ceil(ms)), wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
      this.#jump();
    });
  }

  #jump(): void {
    if (this.#jumping) return;
    this.#jumping = true;
    // Everything that can continue does so first.
    setImmediate(() => {
      this.#jumping = false;
      let first: Sleeper | undefined;
      for (const sleeper of this.#sleepers) if (!first || sleeper.untilMs < first.untilMs) first = sleeper;
      if (!first) return;
      this.#nowMs = Math.max(this.#nowMs, first.untilMs);
      first.wake();
      this.#jump();
    });
  }
}
