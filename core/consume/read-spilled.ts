import { progressKey, spilledFrom, spilledPk, spilledUntil } from "../keys.ts";
import { SPILL_CLAIMS_MAX } from "../limits.ts";
import type { Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import { type Budget, takerOf } from "./budget.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { claimId, givenBackNonce, metaOf, type Progress, progressOf } from "./progress.ts";
import { readOffsets } from "./read-offsets.ts";
import { type SpilledClaim, spilledClaimOf } from "./spilled-claim.ts";
import type { Taken } from "./take-from-queue.ts";

/** A claim on its way back: delivered at once, or only put back, where its attempts are used up or it is too much for this receive. */
interface Returning {
  readonly item: Item;
  readonly claim: SpilledClaim;
  readonly id: string;
  readonly messages: readonly StoredMessage[];
  readonly deliver: boolean;
}

/**
 * Brings claims that are due back into the item, under the receive's lease where they fit: one transaction with the deletion of
 * their own items. `r` as it was read: whoever else moved claims comes first.
 */
export async function readSpilled(consumption: Consumption, queue: ConsumedQueue, item: Item, budget: Budget): Promise<Taken> {
  const progress = progressOf(item);
  const nowMs = consumption.clock.nowMs();
  const pk = spilledPk(queue.subscription.uid, queue.queueId);
  // One more than is taken: it tells when the next one is due.
  const page = await consumption.items.query({
    pk,
    from: spilledFrom(progress.generation),
    to: spilledUntil(progress.generation),
    limit: Math.min(SPILL_CLAIMS_MAX, budget.messages) + 1,
  });
  const due = page.items
    .slice(0, Math.min(SPILL_CLAIMS_MAX, budget.messages))
    .filter((one) => spilledClaimOf(one).dueMs <= nowMs);
  const behind = page.items[due.length];
  const nextDueMs = behind ? spilledClaimOf(behind).dueMs : Number.MAX_SAFE_INTEGER;
  if (due.length === 0) {
    const later = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
      changes: [{ op: "set", name: "rd", value: nextDueMs }],
      when: [
        { op: "=", name: "g", value: progress.generation },
        { op: "=", name: "r", value: progress.spilled },
      ],
      returning: "allNew",
    });
    return { item: later.ok ? later.item : later.current, deliveries: [] };
  }
  const returning = await choose(consumption, queue, item, due, budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const counts = countsOf(returning);
  const result = await consumption.items.transact([
    {
      kind: "update",
      key: progressKey(queue.subscription.uid, queue.queueId),
      changes: [
        ...returning.flatMap((one) => claimChanges(one, budget, leaseUntilMs)),
        { op: "set", name: "r", value: progress.spilled - counts.taken },
        { op: "set", name: "rd", value: nextDueMs },
        { op: "increment", name: "ex", by: counts.expired },
      ],
      when: [
        { op: "=", name: "g", value: progress.generation },
        { op: "=", name: "r", value: progress.spilled },
        ...returning.map(({ id }): Condition => ({ op: "absent", name: `f${id}` })),
      ],
    },
    ...due.map(
      ({ pk: of, sk }): TransactWrite => ({ kind: "delete", key: { pk: of, sk }, when: [{ op: "exists", name: "pk" }] }),
    ),
  ]);
  consumption.progress.forget(queue.subscription.uid, queue.queueId);
  if (!result.ok) return { item: (await consumption.progress.readAll([queue]))[0], deliveries: [] };
  const deliveries = returning
    .filter(({ deliver, messages }) => deliver && messages.length > 0)
    .map((one) => deliveryOf(queue, progress, one, budget, leaseUntilMs));
  return { item: (await consumption.progress.readAll([queue]))[0], deliveries };
}

async function choose(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  due: readonly Item[],
  budget: Budget,
): Promise<readonly Returning[]> {
  const returning: Returning[] = [];
  const ids = new Set<string>();
  let { messages: room, bytes } = budget;
  for (const one of due) {
    const claim = spilledClaimOf(one);
    const messages = await readOffsets(
      consumption,
      queue,
      claim.open.map((relative) => claim.first + relative),
    );
    const size = messages.reduce((sum, { body }) => sum + body.length, 0);
    const first = returning.length === 0;
    const fits = messages.length <= room && (first || size <= bytes);
    const deliver = fits && claim.attempt < queue.group.maxAttempts;
    const id = claimId(`${budget.nonce}/${claim.first}`, (taken) => item[`m${taken}`] !== undefined || ids.has(taken));
    ids.add(id);
    if (deliver) {
      room -= messages.length;
      bytes -= size;
    }
    returning.push({ item: one, claim, id, messages, deliver });
  }
  return returning;
}

function countsOf(returning: readonly Returning[]): { readonly taken: number; readonly expired: number } {
  let taken = 0;
  let expired = 0;
  for (const { claim, messages } of returning) {
    taken += claim.open.length;
    expired += claim.open.length - messages.length;
  }
  return { taken, expired };
}

/** What has expired meanwhile does not come back. */
function claimChanges({ claim, id, messages, deliver }: Returning, budget: Budget, leaseUntilMs: number): readonly Change[] {
  if (messages.length === 0) return [];
  const meta = deliver
    ? { ...takerOf(budget), attempt: claim.attempt + 1, dueMs: leaseUntilMs }
    : { nonce: givenBackNonce(`${budget.nonce}/${id}`, claim.attempt), attempt: claim.attempt, dueMs: claim.dueMs };
  return [
    { op: "set", name: `f${id}`, value: claim.first },
    { op: "set", name: `m${id}`, value: metaOf(meta) },
    { op: "set", name: `o${id}`, value: new Set(messages.map(({ offset }) => offset - claim.first)) },
  ];
}

const deliveryOf = (
  queue: ConsumedQueue,
  progress: Progress,
  { claim, id, messages }: Returning,
  budget: Budget,
  leaseUntilMs: number,
): Delivery => ({
  queue,
  generation: progress.generation,
  claimId: id,
  first: claim.first,
  ...takerOf(budget),
  attempt: claim.attempt + 1,
  leaseUntilMs,
  messages,
  handedOut: messages.length,
});
