import { CLAIMS_MAX, CLAIMS_ORDERED_MAX, WAITING_OUTSIDE_MAX } from "../limits.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryOrder } from "../progress/delivery-order.ts";
import type { Progress } from "../progress/progress.ts";
import { waitingOutside } from "./refill.ts";

/** Whether waiting message groups may leave the progress item. */
export const mayMoveOut = ({ format }: Consumption, { group, topic }: Pick<ConsumedQueue, "group" | "topic">): boolean =>
  format.version >= 3 && deliveryOrder(group, topic) === "messageGroup";

/** How many claims may return into the item. */
export function roomForReturning(consumption: Consumption, queue: ConsumedQueue, progress: Progress): number {
  const { claims } = progress;
  if (deliveryOrder(queue.group, queue.topic) === "none") return CLAIMS_MAX - claims.size;
  const room = CLAIMS_ORDERED_MAX - claims.size;
  // Each returning claim may soon add a bucket to refill. Where many buckets wait for a refill, those come first.
  return mayMoveOut(consumption, queue) ? Math.min(room, WAITING_OUTSIDE_MAX - waitingOutside(progress).length) : room;
}
