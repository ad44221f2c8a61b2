import type { FailedWrites, Item } from "../ports/item-store.ts";
import { type Outcome, type StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import type { ChainWrite, ChainWriteResult } from "./chain-write.ts";

/** A write under way. */
export interface PendingAppend {
  /** Unique. The block keeps it, so that a repeat of this write is refused there. */
  readonly id: string;
  readonly write: ChainWrite;
  pinned: Pinned | undefined;
  /** Its block is gone or about to expire: the outcome can no longer be determined. */
  undecidable: boolean;
  lostRaces: number;
}

/** A write whose reply was lost. Until its block is seen closed without it, the write may still take effect, but only in that block. */
export interface Pinned {
  readonly base: number;
  readonly by: "append" | "create" | "restart";
  readonly retry: () => Promise<Step>;
}

export type Step = ChainWriteResult | "again";

/** The answer of a write: the item as it is stored now, or the item that stood in the way. */
export type CallResult =
  | { readonly done: Item | undefined }
  | {
      readonly lost: Item | undefined;
      readonly companions?: FailedWrites | undefined;
    };

export function giveUp(pending: PendingAppend): StoreUnavailable {
  pending.undecidable = true;
  return new StoreUnavailable("unknown", "unavailable", "the append's outcome can no longer be told");
}

/** The failure when the writer meets a damaged block. A write that was not tried may go on; the outcome of a tried one is unknown. */
export function atDamage(pending: PendingAppend, error: StoreCorrupt): StoreUnavailable {
  if (pending.pinned) pending.undecidable = true;
  return new StoreUnavailable(pending.pinned ? "unknown" : "not-applied", "unavailable", error.message, { cause: error });
}

export const withOutcome = (error: StoreUnavailable, outcome: Outcome): StoreUnavailable =>
  new StoreUnavailable(outcome, error.reason, error.message, { cause: error });
