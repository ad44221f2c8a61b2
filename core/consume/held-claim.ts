import { BrokerError } from "../errors.ts";
import type { Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { type Claim, givenBackNonce, type Progress, progressOf } from "./progress.ts";
import type { ReceiptHandle } from "./receipt-handle.ts";
import { waitsOutside } from "./waits-outside.ts";

/** What of a handle names its delivery, and the message in it. */
export type Holding = Pick<
  ReceiptHandle,
  "generation" | "claimId" | "first" | "nonce" | "attempt" | "relativeOffset" | "leaseUntilMs"
> & {
  /** Where it is given: only while the attempt was not repeated since. */
  readonly attemptTag?: string | undefined;
};

/**
 * The claim in which a delivery holds a message. Extending a part of a delivery moves it to another claim: whatever handle names
 * the delivery goes on working there.
 */
export function heldClaim(progress: Progress, handle: Holding): Claim | undefined {
  return claimWith(progress, handle, handle.nonce, handle.attempt);
}

/** The claim in which a message waits that this delivery gave back. */
export function givenBackClaim(progress: Progress, handle: Holding): Claim | undefined {
  return claimWith(progress, handle, givenBackNonce(handle.nonce, handle.attempt));
}

function claimWith(progress: Progress, handle: Holding, nonce: string, attempt?: number): Claim | undefined {
  if (progress.generation !== handle.generation) return undefined;
  const matches = (claim: Claim | undefined): claim is Claim =>
    claim !== undefined &&
    claim.nonce === nonce &&
    claim.first === handle.first &&
    (attempt === undefined || claim.attempt === attempt) &&
    (handle.attemptTag === undefined || claim.attemptTag === handle.attemptTag) &&
    claim.open.includes(handle.relativeOffset);
  const named = progress.claims.get(handle.claimId);
  if (matches(named)) return named;
  for (const claim of progress.claims.values()) if (matches(claim)) return claim;
  return undefined;
}

/**
 * Whether a message that its claim no longer holds open counts as settled by this handle: only while the lease runs, by a clock
 * read after the reply, and no claim has the message, nor does it wait. Anything else may be someone else's by now.
 */
export async function settledBefore(
  consumption: Consumption,
  queue: Pick<ConsumedQueue, "subscription" | "queueId">,
  item: Item | undefined,
  handle: ReceiptHandle,
): Promise<boolean> {
  const isOver = () => consumption.clock.nowMs() >= handle.leaseUntilMs;
  if (!item || isOver() || !isNowhere(item, handle)) return false;
  const progress = progressOf(item);
  if (progress.spilled === 0) return true;
  const offset = handle.first + handle.relativeOffset;
  if ((await waitsOutside(consumption, queue, progress, offset, handle.order?.bucket)) !== false) return false;
  // Nothing has moved meanwhile, from where it was looked for last to where it was looked for first.
  const now = await consumption.progress.read(queue.subscription.uid, queue.queueId);
  return now !== undefined && now.r === item.r && now.ov === item.ov && isNowhere(now, handle) && !isOver();
}

/** Handed out in this generation, and neither in a claim of the item nor parked there. */
function isNowhere(item: Item, handle: ReceiptHandle): boolean {
  const { generation, next, claims, parked } = progressOf(item);
  const offset = handle.first + handle.relativeOffset;
  if (generation !== handle.generation || offset >= next || parked.offsets.includes(offset)) return false;
  for (const claim of claims.values()) if (claim.open.includes(offset - claim.first)) return false;
  return true;
}

/** Handles of one delivery are settled together. */
export const deliveryOf = (handle: ReceiptHandle): string =>
  `${handle.generation}/${handle.first}/${handle.nonce}/${handle.attempt}`;

export const leaseLost = (): BrokerError =>
  new BrokerError(
    "LEASE_LOST",
    "This delivery no longer holds the message: its lease ended, or it was given back. Receive again.",
  );
