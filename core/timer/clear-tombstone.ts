import type { ItemStore } from "../ports/item-store.ts";
import { cancelledItem } from "./recall.ts";
import { isFree, isTombstone, type Tombstone, timerKey } from "./timer.ts";

/**
 * Deletes a tombstone that is due: else the scanner would read it at every look. Before that, a cancellation is remembered in the
 * recall item. A move was remembered there when it was made. Repeatable. Errors: `StoreUnavailable`.
 */
export async function clearTombstone(items: ItemStore, tombstone: Tombstone): Promise<void> {
  if (!tombstone.moved) await rememberCancellation(items, tombstone);
  await items.delete(timerKey(tombstone), { when: isTombstone(tombstone.moved) });
}

/** Only another scanner can write the recall item of a cancelled message. If the message was moved earlier, the item keeps its expiry. */
async function rememberCancellation(items: ItemStore, tombstone: Tombstone): Promise<void> {
  const result = await items.put(cancelledItem(tombstone), { when: isFree });
  if (!result.ok) await items.put(cancelledItem(tombstone, result.current));
}
