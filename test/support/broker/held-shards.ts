import { SHARD_LEASES_KEY } from "../../../core/keys.ts";
import type { Item, ItemStore } from "../../../core/ports/item-store.ts";
import { SCAN_LEASE_MS, SCAN_RENEW_MS, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";

/** The leases of all shards, renewed by one holder at `nowMs`. */
export function heldShards(nowMs: number, { endsMs = nowMs + 65_000, watchedUntilMs = 0 } = {}): Item {
  const item: Record<string, string | number> = { ...SHARD_LEASES_KEY };
  for (let shard = 0; shard < TIMER_SHARDS; shard++) {
    item[`h${shard}`] = "other";
    item[`u${shard}`] = nowMs + SCAN_LEASE_MS;
    item[`e${shard}`] = endsMs;
  }
  if (watchedUntilMs > 0) item.w = watchedUntilMs;
  return item as Item;
}

/** The store next to a live scanner that holds all shards, as readers and writers of their leases see it. */
export function besideScanner(items: ItemStore, nowMs: () => number, endsMs?: number): ItemStore {
  let renewedMs = Number.NEGATIVE_INFINITY;
  const renew = async (): Promise<void> => {
    const held = await items.get(SHARD_LEASES_KEY);
    if (held !== undefined && held.h0 !== "other") return;
    if (nowMs() - renewedMs < SCAN_RENEW_MS) return;
    renewedMs = nowMs();
    await items.put({ ...held, ...heldShards(renewedMs, { ...(endsMs !== undefined && { endsMs }) }) });
  };
  return {
    get: async (key) => {
      if (key.pk === SHARD_LEASES_KEY.pk) await renew();
      return items.get(key);
    },
    batchGet: (keys) => items.batchGet(keys),
    query: (query) => items.query(query),
    put: (item, options) => items.put(item, options),
    update: (key, changes, options) => items.update(key, changes, options),
    delete: (key, options) => items.delete(key, options),
    transact: (writes) => items.transact(writes),
  };
}
