import { TAKE_ROUNDS_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { ATTEMPT_TAG_CHARS, type Claim, exactClaim, isGivenBack, metaOf, progressOf, repeatedTag, UNTAGGED } from "./progress.ts";
import { messagesOfClaim } from "./take-due.ts";

/** How its claims are known. */
export interface Attempt {
  readonly tag: string;
  /** In format 2. */
  readonly nonceBefore: string;
}

/**
 * What an earlier receive of the same attempt still holds: its reply was lost, or it still runs. Counting the repeat in the claims
 * tells the earlier one that it may no longer give back what it has no room for, or nobody to send it to.
 */
export async function heldByAttempt(
  consumption: Consumption,
  queues: readonly ConsumedQueue[],
  attempt: Attempt,
): Promise<readonly Delivery[]> {
  const items = await consumption.progress.readAll(queues);
  const deliveries: Delivery[] = [];
  for (const [index, queue] of queues.entries()) {
    let item: Item | undefined = items[index];
    for (let round = 0; item && round < TAKE_ROUNDS_MAX; round++) {
      const held = claimsOf(item, attempt, consumption.clock.nowMs());
      if (held.length === 0) break;
      const repeated = held.map((claim) => ({ ...claim, attemptTag: claim.attemptTag && repeatedTag(claim.attemptTag) }));
      const shown = repeated.every(({ attemptTag }) => attemptTag === undefined)
        ? { ok: true, item }
        : await countRepeat(consumption, queue, item, held, repeated);
      if (!shown.ok) {
        item = shown.item;
        continue;
      }
      deliveries.push(...(await deliveriesOf(consumption, queue, item, repeated, shown.item)));
      break;
    }
  }
  return deliveries;
}

const claimsOf = (item: Item, { tag, nonceBefore }: Attempt, nowMs: number): readonly Claim[] =>
  [...progressOf(item).claims.values()].filter((claim) => {
    if (isGivenBack(claim) || claim.dueMs <= nowMs) return false;
    return claim.attemptTag?.slice(0, ATTEMPT_TAG_CHARS) === tag.slice(0, ATTEMPT_TAG_CHARS) || claim.nonce === nonceBefore;
  });

async function countRepeat(
  { progress }: Consumption,
  queue: ConsumedQueue,
  item: Item,
  held: readonly Claim[],
  repeated: readonly Claim[],
): Promise<{ readonly ok: boolean; readonly item: Item | undefined }> {
  const { generation } = progressOf(item);
  const result = await progress.update(queue.subscription.uid, queue.queueId, {
    changes: repeated.map((claim): Change => ({ op: "set", name: `m${claim.id}`, value: metaOf(claim) })),
    when: [
      { op: "=", name: "g", value: generation },
      ...held.flatMap((claim): readonly Condition[] => exactClaim(generation, claim).filter(({ name }) => name !== "g")),
    ],
    returning: "allNew",
  });
  return { ok: result.ok, item: result.ok ? result.item : result.current };
}

/** What is still open of the claims: some may have been acked meanwhile. */
async function deliveriesOf(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  claims: readonly Claim[],
  after: Item | undefined,
): Promise<readonly Delivery[]> {
  const { generation } = progressOf(item);
  const deliveries: Delivery[] = [];
  for (const claim of claims) {
    const open = (after && progressOf(after).claims.get(claim.id)?.open) ?? [];
    const { messages } = await messagesOfClaim(consumption, queue, { ...claim, open });
    if (messages.length === 0) continue;
    deliveries.push({
      ...claim,
      attemptTag: claim.attemptTag ?? UNTAGGED,
      queue,
      generation,
      claimId: claim.id,
      leaseUntilMs: claim.dueMs,
      repeated: true,
      messages,
      handedOut: open.length,
    });
  }
  return deliveries;
}
