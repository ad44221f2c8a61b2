import { TIMER_LEASE_KEY } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { Doorbell } from "../ports/doorbell.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { RING_QUIET_MS, SCAN_LEASE_MS, SCAN_TICK_MS } from "./timer-limits.ts";

/**
 * Tells whoever fires timers that one was written. In this process a sleep ends; elsewhere the scanner is rung, if the timer is due
 * before the next tick and nobody scans. Called when the timer is durable, never before: who is woken must find it.
 */
export class TimerBell {
  readonly #items: ItemStore;
  readonly #clock: Clock;
  readonly #doorbell: Doorbell | undefined;
  #rangAtMs = Number.NEGATIVE_INFINITY;
  #earliestMs = Number.POSITIVE_INFINITY;
  #wake: (() => void) | undefined;
  /** Finds out whether to ring, and rings. */
  #calling: Promise<void> = Promise.resolve();
  #nextCall: Promise<void> | undefined;

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }, doorbell: Doorbell | undefined) {
    this.#items = store.items;
    this.#clock = store.clock;
    this.#doorbell = doorbell;
  }

  async written(dueMs: number): Promise<void> {
    if (dueMs < this.#earliestMs) {
      this.#earliestMs = dueMs;
      this.#wake?.();
    }
    if (!this.#doorbell || dueMs >= this.#clock.nowMs() + SCAN_TICK_MS) return;
    const call = (): Promise<void> => {
      this.#nextCall = undefined;
      this.#calling = this.#call(this.#doorbell);
      return this.#calling;
    };
    // The call under way may have looked before this timer was there: whoever comes meanwhile shares the next.
    this.#nextCall ??= this.#calling.then(call, call);
    await this.#nextCall;
  }

  /** From now on `sleep` hears of what is written: called before the look that finds out how long to sleep. */
  listen(): void {
    this.#earliestMs = Number.POSITIVE_INFINITY;
  }

  /** Until `untilMs`, or the due time of the earliest timer written since `listen`. */
  async sleep(untilMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const leftMs = Math.min(untilMs, this.#earliestMs) - this.#clock.nowMs();
      if (leftMs <= 0) return;
      const woken = new AbortController();
      const wake = () => woken.abort();
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      await this.#clock.sleep(leftMs, woken.signal);
      signal.removeEventListener("abort", wake);
      this.#wake = undefined;
    }
  }

  async #call(doorbell: Doorbell | undefined): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const quiet = nowMs - this.#rangAtMs;
    if (quiet >= 0 && quiet < RING_QUIET_MS) return;
    if (await this.#someoneScans()) return;
    this.#rangAtMs = nowMs;
    await doorbell?.ring();
  }

  async #someoneScans(): Promise<boolean> {
    try {
      const lease = await this.#items.get(TIMER_LEASE_KEY);
      const leftMs = ((lease?.u as number | undefined) ?? 0) - this.#clock.nowMs();
      return leftMs > 0 && leftMs <= 2 * SCAN_LEASE_MS;
    } catch (error) {
      if (StoreUnavailable.is(error)) return false;
      throw error;
    }
  }
}
