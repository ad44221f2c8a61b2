import { KEY_FILES_PK } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { keyAfter } from "../store/every-item.ts";
import { isSetAside, type KeyFile, keyFileOf } from "./key-file.ts";
import { FILES_PER_PAGE } from "./key-index-limits.ts";

/** `isSetAside`: it cannot be read, and is not merged ([d] in its item). */
export type ListedFile = KeyFile & { readonly sk: string; readonly isSetAside: boolean };

/** Errors: `StoreCorrupt`, which names the item. */
export const listedFileOf = (item: Item): ListedFile => ({ ...keyFileOf(item), sk: item.sk, isSetAside: isSetAside(item) });

/** Key files, and the damage of one that cannot be read. */
export interface ListedFiles {
  readonly files: readonly ListedFile[];
  readonly damage: StoreCorrupt | undefined;
}

/**
 * All files that have not expired, those of lower levels first: a file that is merged meanwhile is found in the next level, if not before.
 * Errors: `StoreUnavailable`.
 */
export async function listKeyFiles(items: Pick<ItemStore, "query">, nowMs: number): Promise<ListedFiles> {
  const files: ListedFile[] = [];
  let damage: StoreCorrupt | undefined;
  for (let from: string | undefined; ; ) {
    const page = await items.query({ pk: KEY_FILES_PK, limit: FILES_PER_PAGE, ...(from !== undefined && { from }) });
    for (const key of page.damaged ?? []) damage = new StoreCorrupt(`key file ${key.sk} cannot be read`, { key });
    for (const item of page.items) {
      try {
        files.push(listedFileOf(item));
      } catch (error) {
        if (!StoreCorrupt.is(error)) throw error;
        damage = error;
      }
    }
    const last = page.items.at(-1);
    if (!page.more || !last) return { files: files.filter(({ expiresAtSeconds }) => expiresAtSeconds * 1_000 > nowMs), damage };
    from = keyAfter(last.sk);
  }
}
