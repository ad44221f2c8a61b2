import type { Clock } from "../ports/clock.ts";

interface Held {
  readonly sinceMs: number;
}

/** A limited number of slots. A slot counts for `holdMs` at most, so slow work keeps nothing from starting. First come, first served. */
export class Slots {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #holdMs: number;
  readonly #held = new Set<Held>();
  readonly #row: (() => void)[] = [];

  constructor(clock: Clock, most: number, holdMs: number) {
    this.#clock = clock;
    this.#most = most;
    this.#holdMs = holdMs;
  }

  /** Runs the work once a slot is free. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    while (this.#free() <= 0) await new Promise<void>((wake) => this.#row.push(wake));
    const held = { sinceMs: this.#clock.nowMs() };
    this.#held.add(held);
    try {
      return await work();
    } finally {
      this.#held.delete(held);
      this.wake();
    }
  }

  /** Starts waiting work, as much as there are slots that are free or no longer count. */
  wake(): void {
    for (const go of this.#row.splice(0, Math.max(0, this.#free()))) go();
  }

  #free(): number {
    const sinceMs = this.#clock.nowMs() - this.#holdMs;
    let counted = 0;
    for (const held of this.#held) if (held.sinceMs > sinceMs) counted++;
    return this.#most - counted;
  }
}
