import { BrokerError } from "../errors.ts";
import type { ProgressQueue } from "./consumed-queue.ts";
import type { Consumption } from "./consumption.ts";
import { type HeldMessage, offsetOf } from "./held.ts";
import { type Claim, givenBackNonce, isUniqueNonce, type Progress } from "./progress.ts";
import { waitsOutside } from "./waits-outside.ts";

/**
 * The claim in which a delivery holds a message. An extend of a part of a delivery moves that part to another claim. All handles of the
 * delivery keep working there.
 */
export function heldClaim(progress: Progress, handle: HeldMessage): Claim | undefined {
  return claimWith(progress, handle, handle.held.nonce, handle.held.attempt);
}

/** The claim in which a message that this delivery gave back waits. */
export function givenBackClaim(progress: Progress, handle: HeldMessage): Claim | undefined {
  return claimWith(progress, handle, givenBackNonce(handle.held.nonce, handle.held.attempt));
}

function claimWith(progress: Progress, handle: HeldMessage, nonce: string, attempt?: number): Claim | undefined {
  const { held } = handle;
  if (progress.generation !== held.generation) return undefined;
  const matches = (claim: Claim | undefined): claim is Claim =>
    claim !== undefined &&
    claim.nonce === nonce &&
    claim.first === held.first &&
    (attempt === undefined || isUniqueNonce(nonce) || claim.attempt === attempt) &&
    (handle.attemptTag === undefined || claim.attemptTag === handle.attemptTag) &&
    claim.open.includes(handle.relativeOffset);
  const named = progress.claims.get(held.id);
  if (matches(named)) return named;
  for (const claim of progress.claims.values()) if (matches(claim)) return claim;
  return undefined;
}

/**
 * Whether this handle settled a message that its claim no longer holds open. It did if the lease is still running, by a clock read
 * after the reply, and if no claim has the message and it does not wait. Otherwise the message may be another consumer's by now.
 *
 * An old handle of a lease that was shortened says that it runs for longer than it does. Where this process did not shorten it, the
 * handle may be told that it settled what another consumer settled after it. The message is settled all the same.
 */
export async function settledBefore(
  consumption: Consumption,
  queue: ProgressQueue,
  progress: Progress | undefined,
  handle: HeldMessage,
): Promise<boolean> {
  const isOver = () => consumption.clock.nowMs() >= consumption.shortened.endMs(handle);
  if (!progress || isOver() || !isNowhere(progress, handle)) return false;
  if (progress.messagesOut === 0) return true;
  if ((await waitsOutside(consumption, queue, progress, handle)) !== false) return false;
  // The two places were read one after the other. If nothing moved in between, the message was in neither.
  const now = await consumption.progressStore.read(queue);
  const unmoved = now?.messagesOut === progress.messagesOut && now.moves === progress.moves;
  return unmoved && isNowhere(now, handle) && !isOver();
}

/** The message was handed out in this generation, and is neither in a claim of the item nor deferred there. */
function isNowhere({ generation, next, claims, deferred }: Progress, handle: HeldMessage): boolean {
  const offset = offsetOf(handle);
  if (generation !== handle.held.generation || offset >= next || deferred.offsets.includes(offset)) return false;
  for (const claim of claims.values()) if (claim.open.includes(offset - claim.first)) return false;
  return true;
}

export const leaseLost = (): BrokerError =>
  new BrokerError(
    "LEASE_LOST",
    "This delivery no longer holds the message: its lease ended, or it was given back. Receive again.",
  );
