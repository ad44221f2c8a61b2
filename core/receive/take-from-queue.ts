import { PUT_ASIDE_MAX, SEARCH_ROUNDS_MAX, TAKE_ROUNDS_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryOrder } from "../progress/delivery-order.ts";
import type { Delivery } from "../progress/held.ts";
import { makeSpace } from "../progress/make-space.ts";
import type { Claim, Progress } from "../progress/progress.ts";
import { putAside } from "./put-aside.ts";
import { refill, spaceForRefill } from "./refill.ts";
import { dueClaim, takeDue } from "./take-due.ts";
import { takeMatching } from "./take-matching.ts";
import { spaceForReturning, takeMovedOut } from "./take-moved-out.ts";
import { takeNew } from "./take-new.ts";
import { takeOrdered } from "./take-ordered.ts";
import type { NotTaken, Step, Taken, UnreadableInClaim } from "./taken.ts";

export interface QueueTake {
  readonly deliveries: readonly Delivery[];
  readonly full: boolean;
  /** It stopped before the end of the queue: the budget, its rounds or its time were used up. */
  readonly more: boolean;
}

type Take = (consumption: Consumption, step: Step) => Promise<Taken | NotTaken>;

/**
 * Takes up to the budget from one queue in steps, each based on the progress that the last step left: claims that are due first, then
 * new messages. If the store fails after something was taken, those messages are the answer: they are leased already.
 */
export async function takeFromQueue(consumption: Consumption, { queue, progress: seen, budget }: Step): Promise<QueueTake> {
  const { progressStore: store, clock, skewMarginMs } = consumption;
  // These writes require the next offset as it was read, so concurrent ones would fail. In one process they take turns.
  const alone = isTakenInOrder(queue, seen) || !queue.filter.everything;
  const unlock = alone ? await consumption.mutex.lock(`${queue.subscription.uid}#${queue.queueId}`) : undefined;
  const deliveries: Delivery[] = [];
  let { messages, bytes } = budget;
  try {
    let progress: Progress | undefined = (alone ? store.recent(queue) : undefined) ?? seen;
    for (let round = 0; messages > 0 && bytes > 0 && mayGoOn(consumption, { queue, budget }, round); round++) {
      if (!progress) return { deliveries, full: false, more: false };
      const nowMs = clock.nowMs();
      const due = dueClaim(progress, nowMs, skewMarginMs);
      // An ordered claim may not fit into the reply. The rest of it is deferred, which needs room.
      const makesSpace = !due || deliveryOrder(queue.group, queue.topic) !== "none";
      const spacious: Progress = makesSpace ? await makeSpace(consumption, queue, progress) : progress;
      if (spacious !== progress) {
        progress = spacious;
        continue;
      }
      const dueOutside = progress.messagesOut > 0 && progress.movedOutDueMs <= nowMs;
      const take = nextTake(consumption, { queue, progress }, { due, dueOutside });
      const begun = deliveries.length > 0;
      const taken = await take(consumption, { queue, progress, budget: { ...budget, messages, bytes, begun } });
      if (taken === "nothing" || taken === "full") return { deliveries, full: taken === "full" || dueOutside, more: false };
      deliveries.push(...taken.deliveries);
      for (const { held, messages: some } of taken.deliveries) {
        messages -= held.handedOut;
        bytes -= bodyBytes(some);
      }
      progress = taken.unreadable ? await putAsideTaken(consumption, queue, taken.progress, taken.unreadable) : taken.progress;
    }
    return { deliveries, full: false, more: true };
  } catch (error) {
    store.forget(queue);
    if (deliveries.length === 0) throw error;
    return { deliveries, full: false, more: false };
  } finally {
    unlock?.();
  }
}

/** A filter may reject very many messages, so its time is bounded. Otherwise the rounds are: each settles one race or one claim. */
function mayGoOn({ clock }: Consumption, { queue, budget }: Pick<Step, "queue" | "budget">, round: number): boolean {
  if (round === 0) return true;
  const { searchUntilMs } = budget;
  const searching = !queue.filter.everything && searchUntilMs !== undefined;
  return round < (searching ? SEARCH_ROUNDS_MAX : TAKE_ROUNDS_MAX) && !(searching && clock.nowMs() >= searchUntilMs);
}

/** What to take next: claims that are due in the item, then those that are due outside it, then backlogs, then new messages. */
function nextTake(
  consumption: Consumption,
  { queue, progress }: Pick<Step, "queue" | "progress">,
  { due, dueOutside }: { readonly due: Claim | undefined; readonly dueOutside: boolean },
): Take {
  if (due) return (_, step) => takeDue(consumption, step, due);
  const returning = dueOutside ? spaceForReturning(consumption, queue, progress) : 0;
  if (returning > 0) return (_, step) => takeMovedOut(consumption, step, returning);
  const refilled = spaceForRefill(progress);
  if (refilled > 0) return (_, step) => refill(consumption, step, refilled);
  if (isTakenInOrder(queue, progress)) return takeOrdered;
  return queue.filter.everything ? takeNew : takeMatching;
}

/** A queue that was in order earlier may still have deferred messages. */
const isTakenInOrder = ({ group, topic }: ConsumedQueue, { deferred }: Progress): boolean =>
  deliveryOrder(group, topic) !== "none" || deferred.offsets.length > 0;

/** Out of the claim that was just taken. If another process changed the claim meanwhile, they are put aside when it falls due. */
async function putAsideTaken(
  consumption: Consumption,
  queue: ConsumedQueue,
  after: Progress | undefined,
  { id, unreadable }: UnreadableInClaim,
): Promise<Progress | undefined> {
  let progress = after;
  for (let from = 0; from < unreadable.length; from += PUT_ASIDE_MAX) {
    const claim = progress?.claims.get(id);
    if (!progress || !claim) break;
    progress = await putAside(consumption, { queue, progress }, claim, unreadable.slice(from));
  }
  return progress;
}
