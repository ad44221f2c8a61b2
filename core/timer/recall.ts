import { recallKey } from "../keys.ts";
import type { Item, ItemStore } from "../ports/item-store.ts";
import { isFree, isTombstone, type TimerPlace, type Tombstone, timerKey } from "./timer.ts";
import { TIMER_TOMBSTONE_MS } from "./timer-limits.ts";

/**
 * The outcome of recalls of a delayed message, by its timer's id: every handle of the message, however old, leads here. Item `f#<timer
 * id>`: [d] when it is due now, absent if it was cancelled; [m] the id of a cancelled message if its producer chose it; [x] an hour after the latest due time that it ever had, which an older
 * handle may name. Items of older versions may expire an hour after the last due time.
 */
export interface Recall {
  /** The due time that it was last moved to; `undefined`: it was cancelled. */
  readonly dueMs: number | undefined;
  /** Of a cancelled message. Absent: its timer's id. */
  readonly chosenId: string | undefined;
}

/** `known`: the stored item, if any. */
export const cancelledItem = ({ id, dueMs, chosenId }: Tombstone, known?: Item): Item => ({
  ...recallKey(id),
  ...(chosenId !== undefined && { m: chosenId }),
  x: expiryOf([dueMs], known),
});

/** The item of a message that moves from `from` to `dueMs`. `known`: the stored item, if any. */
export const movedItem = (from: TimerPlace, dueMs: number, known: Item | undefined): Item => ({
  ...recallKey(from.id),
  d: dueMs,
  x: expiryOf([from.dueMs, dueMs], known),
});

export const recallOf = (item: Item): Recall => ({
  dueMs: item.d as number | undefined,
  chosenId: item.m as string | undefined,
});

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
