import { itemSize } from "../../adapters/items/item-size.ts";
import type { ItemStore, Key } from "../../core/ports/item-store.ts";

const isProgress = ({ pk }: Key): boolean => pk.startsWith("g#");

/** A store that keeps the size of the largest progress item it was left with, and counts the writes. */
export function measuredProgress(inner: ItemStore) {
  const seen = { largest: 0, writes: 0, transactions: 0, lookUps: 0 };
  const measure = async (keys: readonly Key[]): Promise<void> => {
    for (const key of keys.filter(isProgress)) {
      const item = await inner.get(key);
      if (item) seen.largest = Math.max(seen.largest, itemSize(item));
    }
  };
  const store: ItemStore = {
    get: (key, options) => inner.get(key, options),
    batchGet: (keys, options) => {
      if (keys[0]?.pk.startsWith("w#")) seen.lookUps++;
      return inner.batchGet(keys, options);
    },
    query: (query) => inner.query(query),
    delete: (key, options) => inner.delete(key, options),
    put: async (item, options) => {
      const result = await inner.put(item, options);
      await measure([item]);
      return result;
    },
    update: async (key, changes, options) => {
      const result = await inner.update(key, changes, options);
      seen.writes++;
      await measure([key]);
      return result;
    },
    transact: async (writes) => {
      const result = await inner.transact(writes);
      seen.transactions++;
      await measure(writes.map((write) => (write.kind === "put" ? write.item : write.key)));
      return result;
    },
  };
  return { store, seen };
}
