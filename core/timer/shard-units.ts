import type { Clock } from "../ports/clock.ts";
import { BATCH_UNITS_MAX, BATCH_UNITS_MIN, UNITS_ROUND_MS } from "./timer-limits.ts";

/**
 * Write units of one shard, dealt out as fast as one partition of the table takes them. Who asks waits until what was dealt before is
 * used up. All wait in one row, so a round takes about UNITS_ROUND_MS however many there are: the more wait, the less each may ask for.
 */
export class ShardUnits {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** When what was dealt so far is used up. */
  #usedUpMs = Number.NEGATIVE_INFINITY;
  #row: Promise<void> = Promise.resolve();
  #waiting = 0;

  /** `perSecond`: infinite where units are not scarce. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** What one batch should ask for at most. */
  get share(): number {
    const round = (this.#perSecond * UNITS_ROUND_MS) / 1_000;
    return Math.max(BATCH_UNITS_MIN, Math.min(BATCH_UNITS_MAX, Math.floor(round / (this.#waiting + 1))));
  }

  /** Resolves when they may be used. */
  async take(units: number): Promise<void> {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return;
    this.#waiting++;
    const turn = this.#row.then(async () => {
      const nowMs = this.#clock.nowMs();
      if (this.#usedUpMs > nowMs) await this.#clock.sleep(this.#usedUpMs - nowMs);
      this.#usedUpMs = Math.max(this.#usedUpMs, this.#clock.nowMs()) + (units / this.#perSecond) * 1_000;
      this.#waiting--;
    });
    this.#row = turn;
    return turn;
  }
}
