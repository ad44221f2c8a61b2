import { progressKey } from "../keys.ts";
import type { Attribute, Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";

/**
 * Changes a progress item together with what is outside it. Answers the item after the change, as far as this process knows: others
 * may have settled something since it was read. Where it failed, the item that stood in the way. Errors: `StoreUnavailable`.
 */
export async function transactMoves(
  consumption: Consumption,
  queue: Pick<ConsumedQueue, "subscription" | "queueId">,
  item: Item,
  update: { readonly changes: readonly Change[]; readonly when: readonly Condition[] },
  writes: readonly TransactWrite[],
): Promise<{ readonly ok: boolean; readonly item: Item | undefined }> {
  const { subscription, queueId } = queue;
  const key = progressKey(subscription.uid, queueId);
  try {
    const result = await consumption.items.transact([{ kind: "update", key, ...update }, ...writes]);
    if (result.ok) return { ok: true, item: consumption.progress.saw(changed(item, update.changes)) };
    const met = result.failures[0]?.current;
    consumption.progress.forget(subscription.uid, queueId);
    return { ok: false, item: met ? consumption.progress.saw(met) : await consumption.progress.read(subscription.uid, queueId) };
  } catch (error) {
    if (StoreUnavailable.is(error)) consumption.progress.forget(subscription.uid, queueId);
    throw error;
  }
}

function changed(item: Item, changes: readonly Change[]): Item {
  const after: Record<string, Attribute> & { pk: string; sk: string } = { ...item };
  for (const change of changes) {
    if (change.op === "set") after[change.name] = change.value;
    else if (change.op === "increment") after[change.name] = (after[change.name] as number) + change.by;
    else if (change.op === "remove") delete after[change.name];
    else throw new TypeError(`a move does not ${change.op}`);
  }
  return after;
}
