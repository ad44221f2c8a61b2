import type { ItemStore } from "../../../../core/ports/item-store.ts";
import { SCAN_LOOK_MS } from "../../../../core/timer/timer-limits.ts";
import { tamper } from "../../sabotage.ts";
import type { World } from "../../world.ts";

/** Counts processes that look at one shard of timers at the same time. Only the lease's holder needs to. */
export class Looks {
  readonly #world: World;
  /** When each process last looked at a shard. */
  readonly #shards = new Map<string, Map<string, number>>();
  /** The most processes within one interval. */
  atOnce = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** The store as this process sees it. */
  of(process: string, items: ItemStore): ItemStore {
    return {
      ...tamper(items, {}),
      query: (query) => {
        if (query.pk.startsWith("t#")) this.#looks(process, query.pk);
        return items.query(query);
      },
    };
  }

  #looks(process: string, pk: string): void {
    const { nowMs } = this.#world;
    const looked = this.#shards.get(pk) ?? new Map<string, number>();
    this.#shards.set(pk, looked);
    looked.set(process, nowMs);
    for (const [other, atMs] of looked) if (atMs <= nowMs - SCAN_LOOK_MS) looked.delete(other);
    this.atOnce = Math.max(this.atOnce, looked.size);
  }
}
