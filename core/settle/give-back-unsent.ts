import type { Consumption } from "../progress/consumption.ts";
import type { Delivery } from "../progress/held.ts";
import { UNTAGGED } from "../progress/progress.ts";
import type { StoredMessage } from "../terms.ts";
import { consumerLane } from "../wake/arrivals.ts";
import { changeLease } from "./change-lease.ts";

/**
 * Gives back messages that were taken but cannot be sent, as if never delivered. Messages of an attempt are given back only by the
 * receive that took them, and only while no repeat of the attempt was counted.
 */
export async function giveBackUnsent(
  consumption: Consumption,
  delivery: Delivery,
  messages: readonly StoredMessage[],
): Promise<void> {
  // Without a tag, nothing shows whether a repeat of the attempt has them by now. After a repeat, a consumer may have them already.
  if (delivery.attemptTag === UNTAGGED || delivery.repeated) return;
  const { queue, held, attemptTag } = delivery;
  const unsent = messages.map(({ offset }) => ({ held, relativeOffset: offset - held.first, attemptTag }));
  await changeLease(consumption, queue, unsent, { kind: "giveBack", delayMs: 0, countAttempt: false });
  consumption.arrivals.ring(consumerLane(queue.subscription.uid), queue.queueId);
}
