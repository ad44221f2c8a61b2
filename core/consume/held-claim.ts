import { BrokerError } from "../errors.ts";
import type { Item } from "../ports/item-store.ts";
import { type Claim, metaPrefix, type Progress, progressOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";

/** The claim a handle names, if that delivery still holds it. */
export function heldClaim(progress: Progress, handle: ReceiptHandle): Claim | undefined {
  if (progress.generation !== handle.generation) return undefined;
  const claim = progress.claims.get(handle.claimId);
  if (!claim || claim.first !== handle.first) return undefined;
  return metaPrefix(claim) === metaPrefix(handle) ? claim : undefined;
}

/**
 * Whether a message that its claim no longer holds open counts as settled by this handle: only while the lease runs, by a clock
 * read after the reply, and no claim has the message, nor is it parked. Anything else may be someone else's by now.
 */
export function settledBefore(item: Item | undefined, handle: ReceiptHandle, nowAfterReplyMs: number): boolean {
  if (!item) return false;
  const progress = progressOf(item);
  if (progress.generation !== handle.generation || progress.spilled > 0 || nowAfterReplyMs >= handle.leaseUntilMs) return false;
  const offset = handle.first + handle.relativeOffset;
  if (offset >= progress.next) return false;
  for (const claim of progress.claims.values()) if (claim.open.includes(offset - claim.first)) return false;
  return !progress.parked.offsets.includes(offset);
}

/** Handles of one delivery share a claim: they are settled together. */
export const deliveryOf = (handle: ReceiptHandle): string =>
  `${handle.claimId}/${handle.first}/${metaPrefix(handle)}/${handle.generation}`;

export const leaseLost = (): BrokerError =>
  new BrokerError(
    "LEASE_LOST",
    "This delivery no longer holds the message: its lease ended, or it was given back. Receive again.",
  );
