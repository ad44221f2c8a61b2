import { PUT_ASIDE_MAX, SEARCH_ROUNDS_MAX, TAKE_ROUNDS_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Item } from "../ports/item-store.ts";
import type { Budget } from "./budget.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { deliveryOrder } from "./delivery-order.ts";
import { makeRoom } from "./make-room.ts";
import { roomForReturning } from "./ordered-room.ts";
import { progressOf } from "./progress.ts";
import { putAside } from "./put-aside.ts";
import { readSpilled } from "./read-spilled.ts";
import { refill, roomForRefill } from "./refill.ts";
import { dueClaim, takeDue } from "./take-due.ts";
import { takeMatching } from "./take-matching.ts";
import { takeNew } from "./take-new.ts";
import { takeOrdered } from "./take-ordered.ts";
import type { NotTaken, Taken, UnreadableInClaim } from "./taken.ts";

export interface QueueTake {
  readonly deliveries: readonly Delivery[];
  readonly full: boolean;
  /** It stopped before the end of the queue: what it passed over took all its rounds. */
  readonly more: boolean;
}

/** Takes up to the budget from one queue: claims due again first, then new messages. */
export async function takeFromQueue(
  consumption: Consumption,
  queue: ConsumedQueue,
  start: { readonly item: Item; readonly fresh: boolean },
  budget: Budget,
): Promise<QueueTake> {
  const ordered = deliveryOrder(queue.group, queue.topic) !== "none" || progressOf(start.item).parked.offsets.length > 0;
  const alone = ordered || !queue.filter.everything;
  if (!alone) return takeInRounds(consumption, queue, start, budget);
  // These want the next offset as they read it: in one process they take turns, on what the one before left.
  return consumption.turns.take(`${queue.subscription.uid}#${queue.queueId}`, () => {
    const item = consumption.progress.recent(queue.subscription.uid, queue.queueId) ?? start.item;
    return takeInRounds(consumption, queue, { ...start, item }, budget);
  });
}

/** Where the store fails after something was taken, that is the answer: it is leased already, and nobody would have it. */
async function takeInRounds(
  consumption: Consumption,
  queue: ConsumedQueue,
  start: { readonly item: Item; readonly fresh: boolean },
  budget: Budget,
): Promise<QueueTake> {
  const deliveries: Delivery[] = [];
  try {
    return { deliveries, ...(await takeRounds(consumption, queue, start, budget, deliveries)) };
  } catch (error) {
    consumption.progress.forget(queue.subscription.uid, queue.queueId);
    if (deliveries.length === 0) throw error;
    return { deliveries, full: false, more: false };
  }
}

/** Adds to `deliveries` what it takes, as soon as it is taken. */
async function takeRounds(
  consumption: Consumption,
  queue: ConsumedQueue,
  start: { readonly item: Item; readonly fresh: boolean },
  budget: Budget,
  deliveries: Delivery[],
): Promise<Omit<QueueTake, "deliveries">> {
  let { messages, bytes } = budget;
  let item: Item | undefined = start.item;
  let { fresh } = start;
  let full = false;
  let more = true;
  for (let round = 0; messages > 0 && bytes > 0 && mayGoOn(consumption, queue, budget, round); round++) {
    if (!item) return { full, more: false };
    const taken = await takeStep(consumption, queue, item, { ...budget, messages, bytes, begun: deliveries.length > 0 });
    if (taken === "nothing" || taken === "full") {
      full = taken === "full";
      // An older image may show claims that are long settled, or a next offset long passed.
      more = false;
      if (fresh || (!full && deliveries.length > 0)) break;
      [item] = await consumption.progress.readAll([queue]);
      fresh = true;
      more = true;
      continue;
    }
    for (const delivery of taken.deliveries) {
      if (delivery.messages.length === 0) continue;
      deliveries.push(delivery);
      messages -= delivery.handedOut;
      bytes -= bodyBytes(delivery.messages);
    }
    item = taken.unreadable ? await putAsideTaken(consumption, queue, taken.item, taken.unreadable) : taken.item;
  }
  return { full, more };
}

/** A filter may pass over very much: its time bounds that, and elsewhere the rounds do, each of which settles one race or claim. */
function mayGoOn({ clock }: Consumption, { filter }: ConsumedQueue, { searchUntilMs }: Budget, round: number): boolean {
  if (round === 0) return true;
  const searching = !filter.everything && searchUntilMs !== undefined;
  return round < (searching ? SEARCH_ROUNDS_MAX : TAKE_ROUNDS_MAX) && !(searching && clock.nowMs() >= searchUntilMs);
}

async function takeStep(consumption: Consumption, queue: ConsumedQueue, item: Item, budget: Budget): Promise<Taken | NotTaken> {
  const inOrder = deliveryOrder(queue.group, queue.topic) !== "none";
  const nowMs = consumption.clock.nowMs();
  const due = dueClaim(progressOf(item), nowMs, consumption.skewMarginMs);
  // Taken in order, a due claim may leave something to be parked.
  const roomy = due && !inOrder ? item : await makeRoom(consumption, queue, item);
  if (roomy !== item) return { item: roomy, deliveries: [] };
  if (due) return takeDue(consumption, queue, item, due, budget);
  const progress = progressOf(item);
  const spilledDue = progress.spilled > 0 && progress.spilledDueMs <= nowMs;
  const room = spilledDue ? roomForReturning(consumption, queue, item) : 0;
  if (room > 0) return readSpilled(consumption, queue, item, budget, room);
  const refillRoom = roomForRefill(item);
  if (refillRoom > 0) return refill(consumption, queue, item, refillRoom);
  const taken = await takeNext(consumption, queue, item, budget);
  return taken === "nothing" && spilledDue ? "full" : taken;
}

function takeNext(consumption: Consumption, queue: ConsumedQueue, item: Item, budget: Budget): Promise<Taken | NotTaken> {
  // A queue that is no longer in order may have parked messages left.
  const ordered = deliveryOrder(queue.group, queue.topic) !== "none" || progressOf(item).parked.offsets.length > 0;
  if (ordered) return takeOrdered(consumption, queue, item, budget);
  return queue.filter.everything ? takeNew(consumption, queue, item, budget) : takeMatching(consumption, queue, item, budget);
}

/** Out of the claim it was just taken in. What another has changed meanwhile is put aside when the claim falls due. */
async function putAsideTaken(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item | undefined,
  { claimId, unreadable }: UnreadableInClaim,
): Promise<Item | undefined> {
  let current = item;
  let left = unreadable;
  for (let claim = claimOf(current, claimId); current && claim && left.length > 0; claim = claimOf(current, claimId)) {
    current = await putAside(consumption, queue, current, claim, left);
    left = left.slice(PUT_ASIDE_MAX);
  }
  return current;
}

const claimOf = (item: Item | undefined, id: string) => item && progressOf(item).claims.get(id);
