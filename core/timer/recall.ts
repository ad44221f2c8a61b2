import { recallKey } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { isFree, isTombstone, type TimerPlace, type Tombstone, timerKey } from "./timer.ts";
import { TIMER_TOMBSTONE_MS } from "./timer-limits.ts";

/**
 * What became of a delayed message that was recalled, by its timer's id: every handle of it, however old, leads here. Item
 * `f#<timer id>`: [d] when it is due now; absent: it was cancelled; [x] an hour after the latest due time
 * it ever had, which an older handle may name. Items of older versions may go an hour after the last one.
 */
export interface Recall {
  /** Where it was moved to last; `undefined`: it was cancelled. */
  readonly dueMs: number | undefined;
}

/** `place`: the last one it had; `known`: the item that there is. */
export const cancelledItem = ({ id, dueMs }: TimerPlace, known?: Item): Item => ({
  ...recallKey(id),
  x: expiryOf([dueMs], known),
});

/** Of a message that goes from `from` to `dueMs`; `known`: the item that there is. */
export const movedItem = (from: TimerPlace, dueMs: number, known: Item | undefined): Item => ({
  ...recallKey(from.id),
  d: dueMs,
  x: expiryOf([from.dueMs, dueMs], known),
});

export const recallOf = (item: Item): Recall => ({ dueMs: item.d as number | undefined });

const expiryOf = (duesMs: readonly number[], known: Item | undefined): number =>
  Math.max(Math.ceil((Math.max(...duesMs) + TIMER_TOMBSTONE_MS) / 1_000), (known?.x as number | undefined) ?? 0);

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
