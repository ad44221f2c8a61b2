import type { ItemStore } from "../ports/item-store.ts";
import { cancelledItem } from "./recall.ts";
import { isFree, isTombstone, type Tombstone, timerKey } from "./timer.ts";

/**
 * Takes a tombstone that is due out of the scanner's way, which would read it at every look. That the message was cancelled is
 * remembered elsewhere before; where it was moved to is already. Repeatable. Errors: `StoreUnavailable`.
 */
export async function clearTombstone(items: ItemStore, tombstone: Tombstone): Promise<void> {
  if (!tombstone.moved) await rememberCancellation(items, tombstone);
  await items.delete(timerKey(tombstone), { when: isTombstone(tombstone.moved) });
}

/** Nobody but another scanner writes of a cancelled message. What is known of one that was moved before is kept as long as it was. */
async function rememberCancellation(items: ItemStore, tombstone: Tombstone): Promise<void> {
  const result = await items.put(cancelledItem(tombstone), { when: isFree });
  if (!result.ok) await items.put(cancelledItem(tombstone, result.current));
}
