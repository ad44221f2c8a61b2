import type { Clock } from "../ports/clock.ts";
import { UNITS_BACK_MS } from "./timer-limits.ts";

/** One who asks for units again and again; what it has used decides when its turn is. */
export interface UnitsFlow {
  /** In units that were dealt to one flow: where its next turn begins. */
  next: number;
}

const SECOND_MS = 1_000;
/** Some four messages. */
const LITTLE_UNITS = 8;

interface Waiter {
  readonly turn: number;
  readonly units: number;
  readonly go: () => void;
}

/**
 * Write units of one shard, dealt out as fast as one partition of the table takes them. Who has used least has the next turn, so one
 * who asks for little does not wait for those who ask for much. Source: Goyal, Vin and Cheng, "Start-time Fair Queueing".
 */
export class ShardUnits {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** When what was dealt so far is used up. */
  #usedUpMs = Number.NEGATIVE_INFINITY;
  /** How long what was dealt last is used for. */
  #lastMs = 0;
  /** The turn of whoever was dealt to last. */
  #turn = 0;
  readonly #waiting = new Set<Waiter>();
  #dealing = false;
  #refusedMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  /** `perSecond`: infinite where units are not scarce. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Resolves when they may be used. */
  take(units: number, flow: UnitsFlow): Promise<void> {
    if (this.#perSecond === Number.POSITIVE_INFINITY || this.#stopped) return Promise.resolve();
    const turn = Math.max(this.#turn, flow.next);
    flow.next = turn + units;
    return new Promise((go) => {
      this.#waiting.add({ turn, units, go });
      if (!this.#dealing) void this.#deal();
    });
  }

  /** Lets all go who wait, for nothing: they will not use them. */
  letGo(): void {
    for (const { go } of this.#waiting) go();
    this.#waiting.clear();
  }

  /** The same from now on: they have stopped. */
  stop(): void {
    this.#stopped = true;
    this.letGo();
  }

  /**
   * The table refused what was dealt. Where all of it is in use, nothing is dealt for a while, in which units come back: what a refused
   * transaction took before it was refused is lost, so dealing on would leave none for any. That happens now and then only, since it may
   * be a queue that is refused again and again, which must not keep the others of the shard waiting.
   */
  refused(): void {
    const nowMs = this.#clock.nowMs();
    if (!this.#dealing || Math.abs(nowMs - this.#refusedMs) < 2 * UNITS_BACK_MS) return;
    this.#refusedMs = nowMs;
    this.#usedUpMs = Math.max(this.#usedUpMs, nowMs + UNITS_BACK_MS);
  }

  async #deal(): Promise<void> {
    this.#dealing = true;
    while (this.#waiting.size > 0) {
      const waitMs = this.#usedUpMs - this.#clock.nowMs();
      // No deal takes so long: the clock was set back.
      if (waitMs > this.#lastMs + SECOND_MS) this.#usedUpMs = this.#clock.nowMs();
      else if (waitMs > 0) await this.#clock.sleep(waitMs);
      if (this.#waiting.size === 0) break;
      const next = this.#first();
      this.#waiting.delete(next);
      this.#turn = next.turn;
      this.#lastMs = (next.units / this.#perSecond) * SECOND_MS;
      this.#usedUpMs = Math.max(this.#usedUpMs, this.#clock.nowMs()) + this.#lastMs;
      next.go();
    }
    this.#dealing = false;
  }

  #first(): Waiter {
    let first: Waiter | undefined;
    for (const waiter of this.#waiting) if (!first || isBefore(waiter, first)) first = waiter;
    if (!first) throw new Error("nobody waits for units");
    return first;
  }
}

/** Of those whose turn is the same, as it is for all who come first, who asks for little goes before who asks for much. */
const isBefore = (one: Waiter, other: Waiter): boolean =>
  one.turn < other.turn || (one.turn === other.turn && one.units <= LITTLE_UNITS && other.units > LITTLE_UNITS);
