import type { Item, ItemStore, Query } from "../ports/item-store.ts";

/** The first key that may follow this one. */
export const keyAfter = (sk: string): string => `${sk}\u0000`;

/** All items that the query finds, in the order of keys, read in pages of its limit. Errors: `StoreUnavailable`. */
export async function* everyItem(items: Pick<ItemStore, "query">, query: Query): AsyncGenerator<Item> {
  for (let { from } = query; ; ) {
    const page = await items.query({ ...query, ...(from !== undefined && { from }) });
    yield* page.items;
    const last = page.items.at(-1);
    if (!page.more || !last) return;
    from = keyAfter(last.sk);
  }
}
