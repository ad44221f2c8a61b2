import type { ItemStore } from "../ports/item-store.ts";
import { cancelledItem } from "./recall.ts";
import { isTombstone, type Tombstone, timerKey } from "./timer.ts";

/**
 * Takes a tombstone that is due out of the scanner's way, which would read it at every look. That the message was cancelled is
 * remembered elsewhere before; where it was moved to is already. Repeatable. Errors: `StoreUnavailable`.
 */
export async function clearTombstone(items: ItemStore, tombstone: Tombstone): Promise<void> {
  if (!tombstone.moved) await items.put(cancelledItem(tombstone));
  await items.delete(timerKey(tombstone), { when: isTombstone(tombstone.moved) });
}
