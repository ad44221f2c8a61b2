import { KEY_FILES_PK } from "../keys.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { keyAfter } from "../store/every-item.ts";
import { type KeyFile, keyFileOf } from "./key-file.ts";
import { FILES_PER_PAGE } from "./key-index-limits.ts";

export type ListedFile = KeyFile & { readonly sk: string };

/**
 * All files that have not expired, those of lower levels first: a file that is merged meanwhile is found in the next level, if not before.
 * Errors: `StoreUnavailable`, `StoreCorrupt`: nobody takes an index for whole of which a part cannot be read.
 */
export async function listKeyFiles(items: Pick<ItemStore, "query">, nowMs: number): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  for (let from: string | undefined; ; ) {
    const page = await items.query({ pk: KEY_FILES_PK, limit: FILES_PER_PAGE, ...(from !== undefined && { from }) });
    const [damaged] = page.damaged ?? [];
    if (damaged) throw new StoreCorrupt(`key file ${damaged.sk} cannot be read`, { key: damaged });
    for (const item of page.items) files.push({ ...keyFileOf(item), sk: item.sk });
    const last = page.items.at(-1);
    if (!page.more || !last) return files.filter(({ expiresAtSeconds }) => expiresAtSeconds * 1_000 > nowMs);
    from = keyAfter(last.sk);
  }
}
