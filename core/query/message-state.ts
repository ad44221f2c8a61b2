import { type Claim, isGivenBack, type Progress } from "../progress/progress.ts";

/**
 * What a group has done with a message.
 *
 * - WAITING: it was not handed out yet, or it waits for its next delivery, or behind its message group.
 * - IN_FLIGHT: a consumer holds it under a lease.
 * - SETTLED: the group is done with it. It was acknowledged or dead-lettered; or an offset reset, or where the subscription started,
 *   passed it over, which leaves no trace.
 * - PASSED_OVER: the group does not get it: no filter that it may have met lets it through, or it could not be read when it was met.
 * - UNKNOWN: too much lies outside the progress item to find it, or the item cannot be read.
 */
export const MESSAGE_STATES = ["WAITING", "IN_FLIGHT", "SETTLED", "PASSED_OVER", "UNKNOWN"] as const;

export interface MessageState {
  readonly state: (typeof MESSAGE_STATES)[number];
  /** Deliveries so far; `undefined` where that is not known any more. */
  readonly attempt: number | undefined;
  /** When it is delivered again at the earliest, if its wait has an end. */
  readonly nextAttemptAtMs?: number | undefined;
  readonly leaseExpiresAtMs?: number | undefined;
}

export const NEW: MessageState = { state: "WAITING", attempt: 0 };
export const UNKNOWN: MessageState = { state: "UNKNOWN", attempt: undefined };
export const SETTLED: MessageState = { state: "SETTLED", attempt: undefined };
export const PASSED_OVER: MessageState = { state: "PASSED_OVER", attempt: 0 };

/** What the progress item itself says of an offset below its next one. `undefined`: it does not name it. */
export function stateInside({ claims, deferred }: Progress, offset: number, nowMs: number): MessageState | undefined {
  if (deferred.offsets.includes(offset)) return NEW;
  for (const claim of claims.values()) if (claim.open.includes(offset - claim.first)) return claimedState(claim, offset, nowMs);
  return undefined;
}

/** A claim that waits outside was given back. */
export function claimedState(
  claim: Pick<Claim, "first" | "attempt" | "dueMs" | "order"> & { readonly nonce?: string },
  offset: number,
  nowMs: number,
): MessageState {
  const { first, dueMs, order, nonce } = claim;
  // An ordered claim counts the attempts of its head.
  const attempt = order && offset - first !== order.head ? 1 : claim.attempt;
  const isHeld = nonce !== undefined && !isGivenBack({ nonce }) && dueMs > nowMs;
  return isHeld
    ? { state: "IN_FLIGHT", attempt, leaseExpiresAtMs: dueMs }
    : { state: "WAITING", attempt, nextAttemptAtMs: Math.max(dueMs, nowMs) };
}
