import { TIMER_SHARDS_KEY } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { TIMER_SHARDS, TIMER_SHARDS_KNOWN_MS } from "./timer-limits.ts";

/**
 * How many shards timers are spread over. Item `meta` / `timers`: [n]. The number only rises, because no scanner reads a shard above
 * it. A process that has not heard of a raise writes to the first shards, which every scanner reads.
 */
export class TimerShards {
  #count: number;
  #knownMs: number | undefined;

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

  /** Reads the number again if TIMER_SHARDS_KNOWN_MS have passed, for processes that live long. Errors: `StoreUnavailable`. */
  async refresh(items: ItemStore, nowMs: number): Promise<void> {
    this.#knownMs ??= nowMs;
    if (nowMs - this.#knownMs < TIMER_SHARDS_KNOWN_MS) return;
    this.#knownMs = nowMs;
    this.#count = countOf(await items.get(TIMER_SHARDS_KEY));
  }
}

const countOf = (item: Item | undefined): number => Math.max(TIMER_SHARDS, (item?.n as number | undefined) ?? 0);
