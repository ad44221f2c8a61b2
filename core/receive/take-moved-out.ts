import { movedOutFrom, movedOutPk, movedOutUntil } from "../keys.ts";
import { CLAIMS_MAX, CLAIMS_ORDERED_MAX, MOVE_OUT_CLAIMS_MAX, WAITING_OUTSIDE_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Item, TransactWrite } from "../ports/item-store.ts";
import { Backlogs } from "../progress/backlog.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveryOrder, mayMoveOut } from "../progress/delivery-order.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { type MovedOutClaim, movedOutClaimOf } from "../progress/moved-out-claim.ts";
import { freeClaimId, givenBackNonce, type Progress } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import type { StoredMessage } from "../terms.ts";
import { takerOf } from "./budget.ts";
import { waitingOutside } from "./refill.ts";
import { messagesOfClaim } from "./take-due.ts";
import type { Step, Taken } from "./taken.ts";

/** How many claims may come back into the item. */
export function spaceForReturning(consumption: Consumption, queue: ConsumedQueue, progress: Progress): number {
  const { claims } = progress;
  if (deliveryOrder(queue.group, queue.topic) === "none") return CLAIMS_MAX - claims.size;
  const space = CLAIMS_ORDERED_MAX - claims.size;
  // Each may soon be one more bucket to refill: where there are many, those come first.
  return mayMoveOut(consumption, queue) ? Math.min(space, WAITING_OUTSIDE_MAX - waitingOutside(progress).length) : space;
}

/**
 * A claim that returns into the item. It is delivered at once, or only put back if its attempts are used up, if a message of it is
 * unreadable, or if it exceeds the budget. An ordered claim is always put back: the next step takes it, since it is due.
 */
interface Returning {
  readonly claim: MovedOutClaim;
  readonly id: string;
  readonly messages: readonly StoredMessage[];
  /** The messages that return, relative to the claim's first offset. */
  readonly open: readonly number[];
  readonly deliver: boolean;
}

/**
 * Brings claims that are due back into the item, at most `space` of them, under the receive's lease where they fit. One transaction also
 * deletes their own items. It requires the counts of what is outside as they were read: if another receive has moved claims meanwhile,
 * this one starts again.
 */
export async function takeMovedOut(consumption: Consumption, step: Step, space: number): Promise<Taken> {
  const { queue, progress, budget } = step;
  const { due, nextDueMs } = await dueOutside(consumption, step, space);
  const change = new ProgressChange(progress).setMovedOutDue(nextDueMs);
  if (due.length === 0) {
    const later = await consumption.progressStore.update(queue, change.wantUnmoved(progress));
    return { progress: later.progress, deliveries: [] };
  }
  const returning = await choose(consumption, step, due.map(movedOutClaimOf));
  const dueMs = consumption.clock.nowMs() + budget.leaseMs;
  for (const { claim, id, open, deliver } of returning) {
    change.countExpired(claim.open.length - open.length);
    if (open.length === 0) continue;
    const { first, attempt, order } = claim;
    const held = { ...takerOf(budget), attempt: attempt + 1, dueMs };
    const waiting = { nonce: givenBackNonce(`${budget.nonce}/${id}`, attempt), attempt, dueMs: claim.dueMs, order };
    change.putClaim({ id, first, open, ...(deliver ? held : waiting) });
  }
  const backlogs = new Backlogs(consumption.items, queue, progress);
  await moveIn(change, progress, returning, backlogs);
  const taken = due.map(
    ({ pk, sk }): TransactWrite => ({ kind: "delete", key: { pk, sk }, when: [{ op: "exists", name: "pk" }] }),
  );
  const { ok, progress: after } = await consumption.progressStore.transact(queue, progress, change, [
    ...taken,
    ...backlogs.writes,
  ]);
  const delivered = ok ? returning.filter(({ deliver }) => deliver) : [];
  return {
    progress: after,
    deliveries: delivered.flatMap(({ id, messages }) => deliveriesFrom(queue, after, { id, messages, ...takerOf(budget) })),
  };
}

/** The claims outside that are due, and when the next one falls due. */
async function dueOutside(consumption: Consumption, { queue, progress, budget }: Step, space: number) {
  const nowMs = consumption.clock.nowMs();
  const most = Math.min(MOVE_OUT_CLAIMS_MAX, budget.messages, space);
  // One claim more than may be taken: it shows when the next one falls due.
  const page = await consumption.items.query({
    pk: movedOutPk(queue.subscription.uid, queue.queueId),
    from: movedOutFrom(progress.generation),
    to: movedOutUntil(progress.generation),
    limit: most + 1,
  });
  const due: readonly Item[] = page.items.slice(0, most).filter((one) => movedOutClaimOf(one).dueMs <= nowMs);
  const behind = page.items[due.length];
  // A page may end early. The next claim is then unknown, so the store is queried again at once.
  const unseenDueMs = page.more ? nowMs : Number.MAX_SAFE_INTEGER;
  return { due, nextDueMs: behind ? movedOutClaimOf(behind).dueMs : unseenDueMs };
}

/** Sets what remains outside. The buckets of ordered claims return with them; their backlogs stay outside. */
async function moveIn(
  change: ProgressChange,
  progress: Progress,
  returning: readonly Returning[],
  backlogs: Backlogs,
): Promise<void> {
  const messagesOut = returning.reduce((left, { claim }) => left - claim.open.length, progress.messagesOut);
  const buckets = returning.flatMap(({ claim }) => claim.order?.bucket ?? []);
  if (buckets.length === 0) {
    change.setMessagesOut(progress, messagesOut);
    return;
  }
  await backlogs.read(buckets);
  const backlogged = new Set(progress.backlogged);
  for (const bucket of buckets) {
    backlogs.setOut(bucket, false);
    if (!backlogs.isEmpty(bucket)) backlogged.add(bucket);
  }
  change.move(progress, { messagesOut, bucketsOut: progress.bucketsOut - buckets.length, backlogged });
}

async function choose(
  consumption: Consumption,
  { queue, progress, budget }: Step,
  due: readonly MovedOutClaim[],
): Promise<readonly Returning[]> {
  const returning: Returning[] = [];
  const ids = new Set<string>();
  let { messages: space, bytes } = budget;
  for (const claim of due) {
    const id = freeClaimId(progress, `${budget.nonce}/${claim.first}`, ids);
    ids.add(id);
    if (claim.order) {
      returning.push({ claim, id, messages: [], open: claim.open, deliver: false });
      continue;
    }
    const { messages, unreadable } = await messagesOfClaim(consumption, queue, claim);
    const size = bodyBytes(messages);
    const isFirst = returning.length === 0;
    const fits = messages.length <= space && (isFirst || size <= bytes);
    // Unreadable messages are put aside later, by the step that takes the claim.
    const deliver = fits && claim.attempt < queue.group.maxAttempts && unreadable.length === 0;
    if (deliver) {
      space -= messages.length;
      bytes -= size;
    }
    // Expired messages do not return.
    const open = [...messages, ...unreadable].map(({ offset }) => offset - claim.first);
    returning.push({ claim, id, messages, open, deliver });
  }
  return returning;
}
