import { createHash } from "node:crypto";
import type { SeededRandom } from "../support/seeded-random.ts";

interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  run(): void;
  /** True if the sleeper was woken before: then nothing happens. */
  over: boolean;
}

/** One thread, one clock that jumps from event to event, one source of chance: the same seed gives the same history. */
export class World {
  readonly random: SeededRandom;
  nowMs = 1_800_000_000_000;
  readonly #agenda: Scheduled[] = [];
  readonly #trace = createHash("sha256");
  readonly #listen: ((line: string) => void) | undefined;
  #order = 0;

  /** `listen` is told everything that happens. */
  constructor(random: SeededRandom, listen?: (line: string) => void) {
    this.random = random;
    this.#listen = listen;
  }

  /** Everything that happened, in order, as one hash. */
  get traceHash(): string {
    return this.#trace.copy().digest("hex");
  }

  note(what: string): void {
    const line = `${this.nowMs} ${what}`;
    this.#trace.update(`${line}\n`);
    this.#listen?.(line);
  }

  at(atMs: number, run: () => void): void {
    this.#schedule(atMs, run);
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        entry.over = true;
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const entry = this.#schedule(this.nowMs + Math.max(0, ms), wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  #schedule(atMs: number, run: () => void): Scheduled {
    const entry: Scheduled = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run, over: false };
    let low = 0;
    let high = this.#agenda.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#agenda[middle] as Scheduled;
      if (other.atMs > entry.atMs || (other.atMs === entry.atMs && other.order > entry.order)) low = middle + 1;
      else high = middle;
    }
    this.#agenda.splice(low, 0, entry);
    return entry;
  }

  /** Runs what is due until `done`, or until nothing is left to happen. */
  async run(done: () => boolean): Promise<void> {
    while (!done()) {
      const next = this.#agenda.pop();
      if (!next) return;
      if (next.over) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      // Lets every promise settle that can, before the next event.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
