import { CLAIMS_MAX, TAKE_ROUNDS_MAX } from "../limits.ts";
import type { Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { progressOf } from "./progress.ts";
import { dueClaim, takeDue } from "./take-due.ts";
import { takeNew } from "./take-new.ts";

/** What a receive still wants, and how it marks what it takes. */
export interface Budget {
  readonly messages: number;
  readonly bytes: number;
  readonly nonce: string;
  readonly leaseMs: number;
}

/** Takes up to the budget from one queue: claims due again first, then new messages. */
export async function takeFromQueue(
  consumption: Consumption,
  queue: ConsumedQueue,
  start: { readonly item: Item; readonly fresh: boolean },
  budget: Budget,
): Promise<readonly Delivery[]> {
  const deliveries: Delivery[] = [];
  let { messages, bytes } = budget;
  let item: Item | undefined = start.item;
  let { fresh } = start;
  for (let round = 0; round < TAKE_ROUNDS_MAX && messages > 0 && bytes > 0; round++) {
    if (!item) return deliveries;
    const left = { ...budget, messages, bytes };
    const due = dueClaim(progressOf(item), consumption.clock.nowMs(), consumption.skewMarginMs);
    const taken = due ? await takeDue(consumption, queue, item, due, left) : await takeNew(consumption, queue, item, left);
    if (taken === "nothing") {
      // An older image may show claims that are long settled, or a next offset long passed.
      if (fresh || (progressOf(item).claims.size < CLAIMS_MAX && deliveries.length > 0)) return deliveries;
      [item] = await consumption.progress.readAll([queue]);
      fresh = true;
      continue;
    }
    item = taken.item;
    if (!taken.delivery) continue;
    deliveries.push(taken.delivery);
    messages -= taken.delivery.handedOut;
    bytes -= taken.delivery.messages.reduce((sum, message) => sum + message.body.length, 0);
  }
  return deliveries;
}
