import type { StoredMessage } from "../terms.ts";
import { changeLease } from "./change-lease.ts";
import type { Consumption, Delivery } from "./consumption.ts";

/** Messages that were reserved but do not fit the reply go back at once, as if never delivered. */
export async function giveBackUnsent(
  consumption: Consumption,
  delivery: Delivery,
  messages: readonly StoredMessage[],
): Promise<void> {
  const { queue, generation, claimId, first, nonce, attempt, leaseUntilMs, handedOut } = delivery;
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
  }));
  await changeLease(consumption, queue, handles, { kind: "giveBack", dueMs: consumption.clock.nowMs(), countAttempt: false });
}
