import type { Clock } from "../ports/clock.ts";
import type { Doorbell } from "../ports/doorbell.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { isHeld, ShardLeases } from "../timer/shard-leases.ts";
import { RING_QUIET_MS, SCAN_LEASE_MS, SCAN_RENEW_MS, SCAN_TICK_MS } from "../timer/timer-limits.ts";
import type { TimerShards } from "../timer/timer-shards.ts";

/** A lease that was not renewed for so long: its holder is late, or dead. */
const OVERDUE_MS = SCAN_LEASE_MS - 2 * SCAN_RENEW_MS;

/**
 * Tells whoever fires timers that one was written. In this process a sleep ends; elsewhere a scanner is rung, if the timer is due
 * before the next tick and a shard has no scanner, or one that nobody looks after. Called when the timer is durable, never before: who
 * is woken must find it.
 */
export class TimerBell {
  readonly #leases: ShardLeases;
  readonly #clock: Clock;
  readonly #shards: TimerShards;
  readonly #doorbell: Doorbell | undefined;
  readonly #hearers = new Set<(dueMs: number) => void>();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Finds out whether to ring, and rings. */
  #calling: Promise<void> = Promise.resolve();
  #nextCall: Promise<void> | undefined;

  constructor(
    store: { readonly items: ItemStore; readonly clock: Clock; readonly shards: TimerShards },
    doorbell: Doorbell | undefined,
  ) {
    this.#leases = new ShardLeases(store);
    this.#clock = store.clock;
    this.#shards = store.shards;
    this.#doorbell = doorbell;
  }

  async written(dueMs: number): Promise<void> {
    for (const hear of this.#hearers) hear(dueMs);
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

  /** From now on `hear` is told of what this process writes, until what it answers is called. */
  hear(hear: (dueMs: number) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  async #call(doorbell: Doorbell | undefined): Promise<void> {
    const nowMs = this.#clock.nowMs();
    // Who was rung stays for so long, and who gave its leases back looks once more after that time.
    const quietMs = nowMs - this.#askedAtMs;
    if (quietMs >= 0 && quietMs < RING_QUIET_MS) return;
    const attended = await this.#isAttended();
    this.#askedAtMs = nowMs;
    if (!attended) await doorbell?.ring();
  }

  async #isAttended(): Promise<boolean> {
    try {
      const { shards, watchedUntilMs } = await this.#leases.read(this.#shards.count);
      const nowMs = this.#clock.nowMs();
      return shards.every((lease) => isHeld(lease, nowMs) && lease.untilMs - nowMs > OVERDUE_MS) && watchedUntilMs > nowMs;
    } catch (error) {
      if (StoreUnavailable.is(error)) return false;
      throw error;
    }
  }
}
