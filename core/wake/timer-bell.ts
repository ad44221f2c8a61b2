import type { Clock } from "../ports/clock.ts";
import type { Doorbell } from "../ports/doorbell.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { isHeld, ShardLeases } from "../timer/shard-leases.ts";
import { RING_QUIET_MS, SCAN_LEASE_MS, SCAN_RENEW_MS, SCAN_TICK_MS } from "../timer/timer-limits.ts";
import type { TimerShards } from "../timer/timer-shards.ts";

/** A lease with no more than this left was not renewed in time: its holder is late, or dead. */
const OVERDUE_MS = SCAN_LEASE_MS - 2 * SCAN_RENEW_MS;

/**
 * Tells those who fire timers that one was written. In this process it ends a sleep. Elsewhere it rings a scanner, if the timer is due
 * before the next tick and a shard has no scanner, or one that nobody watches. Called only once the timer is durable, because a woken
 * scanner must find it.
 */
export class TimerBell {
  readonly #leases: ShardLeases;
  readonly #clock: Clock;
  readonly #shards: TimerShards;
  readonly #doorbell: Doorbell | undefined;
  readonly #hearers = new Set<(dueMs: number) => void>();
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** The running call, which decides whether to ring, and rings. */
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
    // The running call may have looked before this timer was written. Callers that come meanwhile share the next call.
    this.#nextCall ??= this.#calling.then(call, call);
    await this.#nextCall;
  }

  /** Calls `hear` for each timer that this process writes, until the answered function is called. */
  hear(hear: (dueMs: number) => void): () => void {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  async #call(doorbell: Doorbell | undefined): Promise<void> {
    const nowMs = this.#clock.nowMs();
    // A rung scanner stays for this long, and one that gave its leases back looks again after this time.
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
