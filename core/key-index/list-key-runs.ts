import { KEY_RUNS_PK } from "../keys.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { keyAfter } from "../store/every-item.ts";
import { RUNS_PER_PAGE } from "./key-index-limits.ts";
import { type KeyRun, keyRunOf } from "./key-run.ts";

export type ListedRun = KeyRun & { readonly sk: string };

/**
 * All runs that have not expired, those of lower levels first: a run that is merged meanwhile is found in the next level, if not before.
 * Errors: `StoreUnavailable`, `StoreCorrupt`: nobody takes an index for whole of which a part cannot be read.
 */
export async function listKeyRuns(items: Pick<ItemStore, "query">, nowMs: number): Promise<readonly ListedRun[]> {
  const runs: ListedRun[] = [];
  for (let from: string | undefined; ; ) {
    const page = await items.query({ pk: KEY_RUNS_PK, limit: RUNS_PER_PAGE, ...(from !== undefined && { from }) });
    const [damaged] = page.damaged ?? [];
    if (damaged) throw new StoreCorrupt(`key run ${damaged.sk} cannot be read`, { key: damaged });
    for (const item of page.items) runs.push({ ...keyRunOf(item), sk: item.sk });
    const last = page.items.at(-1);
    if (!page.more || !last) return runs.filter(({ expiresAtSeconds }) => expiresAtSeconds * 1_000 > nowMs);
    from = keyAfter(last.sk);
  }
}
