import { deadLetterClaim } from "../dead-letter/move-to-dead-letters.ts";
import type { ReadMessages } from "../log/run-messages.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { type Claim, freeClaimId, isGivenBack, type Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { takerOf } from "./budget.ts";
import { putAside } from "./put-aside.ts";
import { readOffsets } from "./read-offsets.ts";
import { takeDueOrdered } from "./take-due-ordered.ts";
import type { Step, Taken } from "./taken.ts";

/**
 * When a claim may be handed out again. A held claim is due `skewMarginMs` after its end, since the clock of its holder may be slower. A
 * claim that was given back is due at its time: nobody holds it.
 */
export const dueAgainMs = (claim: Claim, skewMarginMs: number): number => claim.dueMs + (isGivenBack(claim) ? 0 : skewMarginMs);

/** The claim that has been due longest, if any is. */
export function dueClaim(progress: Progress, nowMs: number, skewMarginMs: number): Claim | undefined {
  let due: Claim | undefined;
  for (const claim of progress.claims.values()) {
    if (dueAgainMs(claim, skewMarginMs) <= nowMs && (!due || claim.dueMs < due.dueMs)) due = claim;
  }
  return due;
}

/**
 * Hands a due claim out again, without copying it; a part of the claim, if all of it exceeds the budget. The write is made on the
 * condition that the claim's meta is as it was read. A late ack may have settled messages since then: only those that the update
 * returns are delivered. After the last attempt the claim is dead-lettered.
 */
export async function takeDue(consumption: Consumption, step: Step, claim: Claim): Promise<Taken> {
  if (claim.order) return takeDueOrdered(consumption, step, { ...claim, order: claim.order });
  const { queue, progress, budget } = step;
  const { messages, unreadable } = await messagesOfClaim(consumption, queue, claim);
  if (unreadable.length > 0) return { progress: await putAside(consumption, step, claim, unreadable), deliveries: [] };
  if (messages.length > 0 && claim.attempt >= queue.group.maxAttempts) {
    const reason = `not acknowledged in ${claim.attempt} attempts`;
    const { generation } = progress;
    const dying = { generation, claim, messages, death: { attempts: claim.attempt, reason } };
    return { progress: await deadLetterClaim(consumption, queue, dying), deliveries: [] };
  }
  const live = messages.map(({ offset }) => offset - claim.first);
  const meta = { ...takerOf(budget), attempt: claim.attempt + 1, dueMs: consumption.clock.nowMs() + budget.leaseMs };
  const change = new ProgressChange(progress).wantClaim(claim);
  let { id } = claim;
  if (messages.length > budget.messages) {
    id = freeClaimId(progress, `${budget.nonce}+${claim.id}`);
    const part = live.slice(0, budget.messages);
    change
      .putClaim({ ...meta, id, first: claim.first, open: part })
      .settle(claim.id, new Set(part))
      .wantOpen(claim);
  } else {
    const gone = claim.open.filter((relative) => !live.includes(relative));
    change.setMeta(id, meta).settle(id, new Set(gone)).countExpired(gone.length);
    // Messages that a late ack settled since the read must not count as expired. A nack may have just added messages to a claim that
    // was given back: they must not be leased without being delivered.
    if (gone.length > 0 || isGivenBack(claim)) change.wantOpen(claim);
  }
  const { ok, progress: after } = await consumption.progressStore.update(queue, change);
  return { progress: after, deliveries: ok ? deliveriesFrom(queue, after, { ...meta, id, messages }) : [] };
}

/** Reads the claim's open messages that have not expired, in order. Names those that cannot be read. */
export const messagesOfClaim = (
  consumption: Consumption,
  queue: ConsumedQueue,
  claim: Pick<Claim, "first" | "open">,
): Promise<ReadMessages> =>
  readOffsets(
    consumption,
    queue,
    claim.open.map((relative) => claim.first + relative),
  );
