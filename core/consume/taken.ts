import type { Unreadable } from "../log/frame.ts";
import type { Item } from "../ports/item-store.ts";
import type { Delivery } from "./consumption.ts";

/** What one step took, and the progress item after it. */
export interface Taken {
  readonly item: Item | undefined;
  readonly deliveries: readonly Delivery[];
  /** What was claimed and cannot be read: to be put aside. */
  readonly unreadable?: UnreadableInClaim | undefined;
}

/** Messages of one claim that cannot be read. */
export interface UnreadableInClaim {
  readonly claimId: string;
  readonly unreadable: readonly Unreadable[];
}

/** `full`: there is more, but as many claims are out as a queue may have. */
export type NotTaken = "nothing" | "full";

export const unreadableIn = (
  { claimId }: Pick<Delivery, "claimId">,
  unreadable: readonly Unreadable[],
): UnreadableInClaim | undefined => (unreadable.length > 0 ? { claimId, unreadable } : undefined);
