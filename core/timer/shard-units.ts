import type { Clock } from "../ports/clock.ts";
import { UNITS_BACK_MS } from "./timer-limits.ts";

/** A lane that asks for units again and again. Its use so far decides when its turn is. */
export interface UnitsFlow {
  /** Where its next turn begins, in units dealt to the flow. */
  next: number;
}

const SECOND_MS = 1_000;
/** About four messages. */
const LITTLE_UNITS = 8;

interface Waiter {
  readonly turn: number;
  readonly units: number;
  readonly go: () => void;
}

/**
 * Deals out the write units of one shard, as fast as one partition of the table takes them. The flow that used least has the next turn,
 * so a small request does not wait for large ones. Source: Goyal, Vin and Cheng, "Start-time Fair Queueing".
 */
export class ShardUnits {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** When the units dealt so far are used up. */
  #usedUpMs = Number.NEGATIVE_INFINITY;
  /** How long the last dealt units last. */
  #lastMs = 0;
  /** The turn of the flow that was dealt to last. */
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

  /** Resolves when the units may be used. */
  take(units: number, flow: UnitsFlow): Promise<void> {
    if (this.#perSecond === Number.POSITIVE_INFINITY || this.#stopped) return Promise.resolve();
    const turn = Math.max(this.#turn, flow.next);
    flow.next = turn + units;
    return new Promise((go) => {
      this.#waiting.add({ turn, units, go });
      if (!this.#dealing) void this.#deal();
    });
  }

  /** Releases all waiting callers without units: they will not use any. */
  letGo(): void {
    for (const { go } of this.#waiting) go();
    this.#waiting.clear();
  }

  /** Releases all waiting and all later callers: they have stopped. */
  stop(): void {
    this.#stopped = true;
    this.letGo();
  }

  /**
   * The table refused writes. If all units are in use, none are dealt for a while, so that units come back: a refused transaction loses
   * the units it took before, so dealing on would leave none for any. This is done only now and then, because one queue may be refused
   * again and again, and must not keep the others of the shard waiting.
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
      // No deal lasts so long: the clock was set back.
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

/** By turn. With equal turns, as for all newcomers, a small request goes before a large one. */
const isBefore = (one: Waiter, other: Waiter): boolean =>
  one.turn < other.turn || (one.turn === other.turn && one.units <= LITTLE_UNITS && other.units > LITTLE_UNITS);
