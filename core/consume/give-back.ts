import type { StoredMessage } from "../terms.ts";
import { consumerLane } from "./arrivals.ts";
import { changeLease } from "./change-lease.ts";
import type { Consumption, Delivery } from "./consumption.ts";

/** Messages that were taken but cannot be sent go back at once, as if never delivered. */
export async function giveBackUnsent(
  consumption: Consumption,
  delivery: Delivery,
  messages: readonly StoredMessage[],
): Promise<void> {
  const { queue, generation, claimId, first, nonce, attempt, leaseUntilMs, handedOut, order } = delivery;
  const handles = messages.map(({ offset }) => ({
    groupUid: queue.group.uid,
    subscriptionUid: queue.subscription.uid,
    queueId: queue.queueId,
    generation,
    claimId,
    first,
    relativeOffset: offset - first,
    nonce,
    attempt,
    leaseUntilMs,
    handedOut,
    order,
  }));
  await changeLease(consumption, queue, handles, { kind: "giveBack", dueMs: consumption.clock.nowMs(), countAttempt: false });
  consumption.arrivals.ring(consumerLane(queue.subscription.uid));
}
