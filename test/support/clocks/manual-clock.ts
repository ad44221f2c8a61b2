import type { Clock } from "../../../core/ports/clock.ts";

interface Sleeper {
  readonly untilMs: number;
  wake(): void;
}

/** A clock that stands still until it is moved. */
export class ManualClock implements Clock {
  #nowMs = 1_800_000_000_000;
  #sleepers: Sleeper[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0 || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#sleepers.push({ untilMs: this.#nowMs + ms, wake });
      signal?.addEventListener("abort", wake);
    });
  }

  /** Lets everything run that can, then moves forward and wakes the sleepers that are due. */
  async pass(ms: number): Promise<void> {
    await settle();
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ untilMs }) => untilMs > this.#nowMs);
    for (const { wake } of due) wake();
    await settle();
  }
}

/** Lets every promise settle that can without the clock, within this many turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
