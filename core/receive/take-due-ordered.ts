import { deadLetterHead, type OrderedClaim } from "../dead-letter/move-to-dead-letters.ts";
import type { Consumption } from "../progress/consumption.ts";
import { withDeferred } from "../progress/deferred.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { StoredMessage } from "../terms.ts";
import { type Budget, takerOf } from "./budget.ts";
import { putAside } from "./put-aside.ts";
import { readOffsets } from "./read-offsets.ts";
import type { Step, Taken } from "./taken.ts";

/**
 * Hands a due ordered claim out again, from its first open message on. The claim counts the attempts of that message. If the count was
 * made for another message, it begins anew. When the attempts are used up, only the first message is dead-lettered. Expired messages
 * leave the claim. Messages that exceed the budget are deferred, in front of the others of their bucket.
 */
export async function takeDueOrdered(consumption: Consumption, step: Step, claim: OrderedClaim): Promise<Taken> {
  const { queue, progress, budget } = step;
  const offsets = claim.open.map((relative) => claim.first + relative);
  const { messages, unreadable } = await readOffsets(consumption, queue, offsets);
  if (unreadable.length > 0) return { progress: await putAside(consumption, step, claim, unreadable), deliveries: [] };
  const [head] = messages;
  const counted = head && head.offset - claim.first === claim.order.head ? claim.attempt : 0;
  if (head && counted >= queue.group.maxAttempts) {
    const death = { attempts: counted, reason: `not acknowledged in ${counted} attempts` };
    const { generation } = progress;
    const outcome = await deadLetterHead(consumption, queue, { generation, claim, messages: [head], death });
    return { progress: outcome === "moved" ? await consumption.progressStore.read(queue) : outcome.met, deliveries: [] };
  }
  const taken = fitting(messages, budget);
  const left = messages.slice(taken.length).map(({ offset }) => offset);
  const staying = new Set(taken.map(({ offset }) => offset - claim.first));
  const leaving = claim.open.filter((relative) => !staying.has(relative));
  const order = { bucket: claim.order.bucket, head: head ? head.offset - claim.first : 0 };
  const dueMs = consumption.clock.nowMs() + budget.leaseMs;
  const change = new ProgressChange(progress)
    .wantClaim(claim)
    .setMeta(claim.id, { ...takerOf(budget), attempt: counted + 1, dueMs, order })
    .settle(claim.id, new Set(leaving))
    .countExpired(leaving.length - left.length);
  // A message that was acked after the read must neither be deferred again nor count as expired.
  if (leaving.length > 0) change.wantOpen(claim);
  if (left.length > 0) change.defer(progress, withDeferred(progress.deferred, claim.order.bucket, left));
  const { ok, progress: after } = await consumption.progressStore.update(queue, change);
  const deliveries = ok ? deliveriesFrom(queue, after, { id: claim.id, ...takerOf(budget), messages: taken }) : [];
  return { progress: after, deliveries };
}

/** The first messages, as many as the budget allows; at least one. */
function fitting(messages: readonly StoredMessage[], budget: Budget): readonly StoredMessage[] {
  let bytes = 0;
  const end = messages.findIndex((message, index) => {
    bytes += message.body.length;
    return index >= budget.messages || (index > 0 && bytes > budget.bytes);
  });
  return end < 0 ? messages : messages.slice(0, end);
}
