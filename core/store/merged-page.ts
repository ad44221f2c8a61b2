import type { Item, ItemStore } from "../ports/item-store.ts";
import { keyAfter } from "./every-item.ts";

/**
 * Items of several partitions behind `after`, in the order of their sort keys: as far as a page of `limit` items of each partition
 * reaches.
 */
export async function mergedPage(
  items: ItemStore,
  pks: readonly string[],
  after: string | undefined,
  limit: number,
): Promise<{ readonly items: readonly Item[]; readonly more: boolean }> {
  const from = after === undefined ? undefined : keyAfter(after);
  const pages = await Promise.all(pks.map((pk) => items.query({ pk, ...(from !== undefined && { from }), limit })));
  // Behind the earliest end of a page, items of that partition may be unread.
  const ends = pages.filter((page) => page.more).map((page) => page.items.at(-1)?.sk ?? "");
  const end = ends.length === 0 ? undefined : ends.reduce((first, sk) => (sk < first ? sk : first));
  const read = pages.flatMap((page) => page.items).filter(({ sk }) => end === undefined || sk <= end);
  return { items: read.sort((one, other) => (one.sk < other.sk ? -1 : 1)), more: end !== undefined };
}
