import { progressKey, spilledKey } from "../keys.ts";
import { SPILL_AHEAD_MS, SPILL_CLAIMS_MAX, WAITING_CLAIMS_KEPT, WAITING_CLAIMS_MAX } from "../limits.ts";
import type { Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { type Claim, exactClaim, isGivenBack, progressOf } from "./progress.ts";
import { spilledItem } from "./spilled-claim.ts";

/**
 * Moves claims that wait long after a nack out of the item, those due last first, so that failing messages never fill it. One
 * transaction: a claim is in the item or outside, and `r` counts the messages outside. Answers the item as it is then; where it
 * could not be done, as it was: it only makes room.
 */
export async function spillWaiting(consumption: Consumption, queue: ConsumedQueue, item: Item): Promise<Item> {
  const progress = progressOf(item);
  if (progress.claims.size <= WAITING_CLAIMS_MAX) return item;
  const leaving = leavingClaims([...progress.claims.values()], consumption.clock.nowMs());
  if (leaving.length === 0) return item;
  const messages = leaving.reduce((sum, { open }) => sum + open.length, 0);
  const spilled = progress.spilled + messages;
  const dueMs = Math.min(progress.spilledDueMs, ...leaving.map((claim) => claim.dueMs));
  const key = progressKey(queue.subscription.uid, queue.queueId);
  const place = { subscriptionUid: queue.subscription.uid, queueId: queue.queueId, generation: progress.generation };
  const writes: TransactWrite[] = [
    {
      kind: "update",
      key,
      changes: [
        ...leaving.flatMap(({ id }): Change[] => ["f", "m", "o"].map((attribute) => ({ op: "remove", name: attribute + id }))),
        { op: "set", name: "r", value: spilled },
        { op: "set", name: "rd", value: dueMs },
      ],
      when: [
        { op: "=", name: "r", value: progress.spilled },
        ...leaving.flatMap((claim): readonly Condition[] => [
          ...exactClaim(progress.generation, claim).filter(({ name }) => name !== "g"),
          { op: "=", name: `o${claim.id}`, value: new Set(claim.open) },
        ]),
        { op: "=", name: "g", value: progress.generation },
      ],
    },
    ...leaving.map(
      (claim): TransactWrite => ({
        kind: "put",
        item: spilledItem(spilledKey({ ...place, claim }), claim),
        when: [{ op: "absent", name: "pk" }],
      }),
    ),
  ];
  try {
    const result = await consumption.items.transact(writes);
    if (!result.ok) return item;
    return consumption.progress.saw(without(item, leaving, { r: spilled, rd: dueMs }));
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
    consumption.progress.forget(queue.subscription.uid, queue.queueId);
    return item;
  }
}

function leavingClaims(claims: readonly Claim[], nowMs: number): readonly Claim[] {
  const waiting = claims.filter((claim) => isGivenBack(claim) && !claim.order && claim.dueMs > nowMs + SPILL_AHEAD_MS);
  if (waiting.length <= WAITING_CLAIMS_MAX) return [];
  waiting.sort((a, b) => b.dueMs - a.dueMs);
  return waiting.slice(0, Math.min(SPILL_CLAIMS_MAX, waiting.length - WAITING_CLAIMS_KEPT));
}

function without(item: Item, claims: readonly Claim[], counters: { readonly r: number; readonly rd: number }): Item {
  const left: Record<string, unknown> = { ...item, ...counters };
  for (const { id } of claims) for (const attribute of ["f", "m", "o"]) delete left[attribute + id];
  return left as Item;
}
