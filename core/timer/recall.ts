import { recallKey } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import type { TimerPlace } from "./timer.ts";
import { TIMER_TOMBSTONE_MS } from "./timer-limits.ts";

/**
 * What became of a delayed message that was recalled, by its timer's id: every handle of it, however old, leads here. Item
 * `f#<timer id>`: [d] when it is due now; absent: it was cancelled; [x] an hour after its last due time.
 */
export interface Recall {
  /** Where it was moved to last; `undefined`: it was cancelled. */
  readonly dueMs: number | undefined;
}

/** `dueMs`: of the place it had last. */
export const cancelledItem = ({ id, dueMs }: TimerPlace): Item => ({ ...recallKey(id), x: expiryOf(dueMs) });

export const movedItem = ({ id, dueMs }: TimerPlace): Item => ({ ...recallKey(id), d: dueMs, x: expiryOf(dueMs) });

export const recallOf = (item: Item): Recall => ({ dueMs: item.d as number | undefined });

const expiryOf = (dueMs: number): number => Math.ceil((dueMs + TIMER_TOMBSTONE_MS) / 1_000);
