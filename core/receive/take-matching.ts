import { CLAIMS_MAX, EMPTY_CLAIMS_PER_RESERVE_MAX } from "../limits.ts";
import { logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { freeClaimId } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { findMatching } from "../pull/find-matching.ts";
import { takerOf } from "./budget.ts";
import type { NotTaken, Step, Taken } from "./taken.ts";

/**
 * Hands out messages that match the subscription's filter. The next offset also moves past those that do not, so that they are read
 * only once. Therefore the update requires the next offset as it was read.
 */
export async function takeMatching(consumption: Consumption, { queue, progress, budget }: Step): Promise<Taken | NotTaken> {
  const found = await findMatching(consumption.log, logQueue(queue), queue.filter, {
    from: progress.next,
    hint: progress.hint,
    messages: budget.messages,
    bytes: budget.bytes,
    pause: () => consumption.reading.pause(),
    over: () => budget.searchUntilMs !== undefined && consumption.clock.nowMs() >= budget.searchUntilMs,
  });
  consumption.progressStore.sawPlenty(queue, found.messages.length >= budget.messages);
  if (found.next === progress.next) return "nothing";
  const { messages, unreadable } = found;
  // Unreadable messages are claimed with the others and then put aside: a message in a claim is never forgotten.
  const offsets = [...messages, ...unreadable].map(({ offset }) => offset).sort((a, b) => a - b);
  const [first] = offsets;
  if (first !== undefined && progress.claims.size >= CLAIMS_MAX) return "full";
  const id = freeClaimId(progress, budget.nonce);
  const change = new ProgressChange(progress)
    .handOut(progress, { next: found.next, hint: found.hint ?? progress.hint })
    .countExpired(found.expired)
    .sweep(progress, EMPTY_CLAIMS_PER_RESERVE_MAX);
  if (first !== undefined) {
    const open = offsets.map((offset) => offset - first);
    const dueMs = consumption.clock.nowMs() + budget.leaseMs;
    change.putClaim({ id, first, open, ...takerOf(budget), attempt: 1, dueMs });
  }
  const { ok, progress: after } = await consumption.progressStore.update(queue, change);
  if (!ok) return { progress: after, deliveries: [] };
  const deliveries = deliveriesFrom(queue, after, { id, ...takerOf(budget), messages });
  return { progress: after, deliveries, unreadable: { id, unreadable } };
}
