import type { FailedWrites, Item } from "../ports/item-store.ts";
import { type Outcome, type StoreCorrupt, StoreUnavailable } from "../ports/store-failures.ts";
import type { ChainWrite, ChainWriteResult } from "./chain-write.ts";

/** A write under way. */
export interface PendingAppend {
  /** Unique; kept in the block, where it fences repeats of this write. */
  readonly id: string;
  readonly write: ChainWrite;
  pinned: Pinned | undefined;
  /** Its block is gone or about to go: nothing can tell any more. */
  undecidable: boolean;
  lostRaces: number;
}

/** A write whose reply was lost: until its block is seen closed without it, it may still take effect there, and only there. */
export interface Pinned {
  readonly base: number;
  readonly by: "append" | "create" | "restart";
  readonly retry: () => Promise<Step>;
}

export type Step = ChainWriteResult | "again";

/** What a call that writes answered: what is stored then, or what stood in its way. */
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

/** A block that was damaged under the writer: what was not tried goes on as the tail then is, and nothing tells of what was. */
export function atDamage(pending: PendingAppend, error: StoreCorrupt): StoreUnavailable {
  if (pending.pinned) pending.undecidable = true;
  return new StoreUnavailable(pending.pinned ? "unknown" : "not-applied", "unavailable", error.message, { cause: error });
}

export const withOutcome = (error: StoreUnavailable, outcome: Outcome): StoreUnavailable =>
  new StoreUnavailable(outcome, error.reason, error.message, { cause: error });
