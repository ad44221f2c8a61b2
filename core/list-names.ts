import type { Item, ItemStore } from "./ports/item-store.ts";
import type { ListPage, ListRequest } from "./requests.ts";
import { keyAfter } from "./store/every-item.ts";

/** Names are ASCII, so this follows every name that starts with a prefix. */
const AFTER_ALL = "\u007f";
const PAGES_MAX = 10;

/** A page of one partition in name order. `pick` skips items that do not belong. At most ten store pages are read. */
export async function listNames<T>(
  items: ItemStore,
  pk: string,
  { limit, prefix = "", after }: ListRequest,
  pick: (item: Item) => T | undefined,
): Promise<ListPage<T>> {
  const found: T[] = [];
  let last = after;
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const from = last === undefined || last < prefix ? prefix : keyAfter(last);
    const page = await items.query({ pk, ...(from && { from }), to: prefix + AFTER_ALL, limit: limit - found.length + 1 });
    for (const item of page.items) {
      const picked = pick(item);
      if (picked !== undefined && found.length === limit) return { items: found, next: last, complete: true };
      if (picked !== undefined) found.push(picked);
      last = item.sk;
    }
    if (!page.more) return { items: found, next: undefined, complete: true };
  }
  return { items: found, next: last, complete: found.length >= limit };
}

/** Names with the first letter of `name`: candidates for a misspelling, in one bounded query. */
export async function namesNear(items: ItemStore, pk: string, name: string, limit: number): Promise<readonly string[]> {
  const first = name.charAt(0);
  const page = await items.query({ pk, from: first, to: first + AFTER_ALL, limit, consistent: false });
  return page.items.map((item) => item.sk);
}
