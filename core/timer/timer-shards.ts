import { TIMER_SHARDS_KEY } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { TIMER_SHARDS } from "./timer-limits.ts";

/**
 * How many shards timers are spread over. Item `meta` / `timers`: [n]. It only rises, since nobody looks into a shard above it; a handler
 * that has not heard of a raise writes to the first ones, which everybody scans.
 */
export class TimerShards {
  #count: number;

  constructor(stored: Item | undefined) {
    this.#count = countOf(stored);
  }

  get count(): number {
    return this.#count;
  }

  /** Idempotent. Errors: `StoreUnavailable`. */
  async raise(items: ItemStore, count: number): Promise<void> {
    while (this.#count < count) {
      const when =
        this.#count === TIMER_SHARDS ? ({ op: "absent", name: "pk" } as const) : ({ op: "<", name: "n", value: count } as const);
      const result = await items.put({ ...TIMER_SHARDS_KEY, n: count }, { when: [when] });
      this.#count = result.ok ? count : countOf(result.current);
    }
  }

  /** Learns of a raise. Errors: `StoreUnavailable`. */
  async refresh(items: ItemStore): Promise<void> {
    this.#count = countOf(await items.get(TIMER_SHARDS_KEY));
  }
}

const countOf = (item: Item | undefined): number => Math.max(TIMER_SHARDS, (item?.n as number | undefined) ?? 0);
