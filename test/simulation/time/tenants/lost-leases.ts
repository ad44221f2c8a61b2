import { SHARD_LEASES_KEY } from "../../../../core/keys.ts";
import type { ItemStore } from "../../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../../core/ports/store-failures.ts";
import type { World } from "../../world.ts";

const GIVE_UP_MS_MAX = 3_000;

/**
 * A store that loses replies of some lease writes. `hears` is told of those whose answer a run needs. A run needs no answer to a mere
 * renewal.
 */
export const losingLeaseReplies = (items: ItemStore, world: World, rate: () => number, hears: () => void): ItemStore => ({
  get: (key, options) => items.get(key, options),
  batchGet: (keys, options) => items.batchGet(keys, options),
  query: (query) => items.query(query),
  put: (item, options) => items.put(item, options),
  delete: (key, options) => items.delete(key, options),
  transact: (writes) => items.transact(writes),
  update: async (key, changes, options) => {
    const result = await items.update(key, changes, options);
    if (key.pk !== SHARD_LEASES_KEY.pk || key.sk !== SHARD_LEASES_KEY.sk || !world.random.chance(rate())) return result;
    const renews = options?.returning === "allNew";
    if (!renews) hears();
    await world.sleep(world.random.integer(50, GIVE_UP_MS_MAX));
    if (!renews) hears();
    throw new StoreUnavailable("unknown", "unavailable", "no reply");
  },
});
