import type { ItemStore } from "../../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../../core/ports/store-failures.ts";
import type { Stores } from "./rolled-store.ts";

/** Whether the last call of a process that dies is applied. */
export type Death = "before" | "after";

/** The stores of a process that dies at its call of a given number, whichever store that is to. */
export function dyingAt(inner: Stores, call: number, death: Death): Stores & { readonly died: () => boolean } {
  let calls = 0;
  const counted = async <T>(apply: () => Promise<T>): Promise<T> => {
    const number = calls++;
    if (number === call && death === "after") await apply();
    if (number >= call) throw new StoreUnavailable("unknown", "unavailable", "the process is dead");
    return apply();
  };
  return { ...around(inner, counted), died: () => calls > call };
}

/** Stores whose every call goes through `wrap`. */
export function around({ items, objects }: Stores, wrap: <T>(apply: () => Promise<T>) => Promise<T>): Stores {
  const wrapped: ItemStore = {
    get: (...call) => wrap(() => items.get(...call)),
    batchGet: (...call) => wrap(() => items.batchGet(...call)),
    query: (...call) => wrap(() => items.query(...call)),
    put: (...call) => wrap(() => items.put(...call)),
    update: (...call) => wrap(() => items.update(...call)),
    delete: (...call) => wrap(() => items.delete(...call)),
    transact: (...call) => wrap(() => items.transact(...call)),
  };
  return {
    items: wrapped,
    objects: {
      put: (...call) => wrap(() => objects.put(...call)),
      getRange: (...call) => wrap(() => objects.getRange(...call)),
    },
  };
}
