import { spilledFrom, spilledPk, spilledUntil } from "../keys.ts";
import { SPILL_CLAIMS_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Change, Condition, Item, TransactWrite } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import { Backlogs, movedChanges, unmoved } from "./backlog.ts";
import { type Budget, takerOf } from "./budget.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { claimId, givenBackNonce, metaOf, type Progress, progressOf } from "./progress.ts";
import { readOffsets } from "./read-offsets.ts";
import { type SpilledClaim, spilledClaimOf } from "./spilled-claim.ts";
import type { Taken } from "./taken.ts";
import { transactMoves } from "./transact-moves.ts";

/**
 * A claim on its way back: delivered at once, or only put back, where its attempts are used up or it is too much for this receive.
 * So is an ordered one, whose attempts are those of its head: it is due, and taken next.
 */
interface Returning {
  readonly item: Item;
  readonly claim: SpilledClaim;
  readonly id: string;
  readonly messages: readonly StoredMessage[];
  /** Of the claim, relative to its first: what comes back. */
  readonly open: readonly number[];
  readonly deliver: boolean;
}

/**
 * Brings claims that are due back into the item, at most `room` of them, under the receive's lease where they fit: one transaction
 * with the deletion of their own items. `r` as it was read: whoever else moved claims comes first.
 */
export async function readSpilled(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
  room: number,
): Promise<Taken> {
  const progress = progressOf(item);
  const nowMs = consumption.clock.nowMs();
  const most = Math.min(SPILL_CLAIMS_MAX, budget.messages, room);
  // One more than is taken: it tells when the next one is due.
  const page = await consumption.items.query({
    pk: spilledPk(queue.subscription.uid, queue.queueId),
    from: spilledFrom(progress.generation),
    to: spilledUntil(progress.generation),
    limit: most + 1,
  });
  const due = page.items.slice(0, most).filter((one) => spilledClaimOf(one).dueMs <= nowMs);
  const behind = page.items[due.length];
  // A page may end early: then the next one is not known, and looked for at once.
  const unseenDueMs = page.more ? nowMs : Number.MAX_SAFE_INTEGER;
  const nextDueMs = behind ? spilledClaimOf(behind).dueMs : unseenDueMs;
  if (due.length === 0) {
    const later = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
      changes: [{ op: "set", name: "rd", value: nextDueMs }],
      when: unmoved(progress),
      returning: "allNew",
    });
    return { item: later.ok ? later.item : later.current, deliveries: [] };
  }
  const returning = await choose(consumption, queue, item, due, budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const counts = countsOf(returning);
  const backlogs = new Backlogs(consumption.items, queue, progress);
  const result = await transactMoves(
    consumption,
    queue,
    item,
    {
      changes: [
        ...returning.flatMap((one) => claimChanges(one, budget, leaseUntilMs)),
        ...(await accountChanges(progress, returning, backlogs, progress.spilled - counts.taken)),
        { op: "set", name: "rd", value: nextDueMs },
        { op: "increment", name: "ex", by: counts.expired },
      ],
      when: [...unmoved(progress), ...returning.map(({ id }): Condition => ({ op: "absent", name: `f${id}` }))],
    },
    [
      ...due.map(
        ({ pk: of, sk }): TransactWrite => ({ kind: "delete", key: { pk: of, sk }, when: [{ op: "exists", name: "pk" }] }),
      ),
      ...backlogs.writes,
    ],
  );
  if (!result.ok) return { item: result.item, deliveries: [] };
  const deliveries = returning
    .filter(({ deliver, open }) => deliver && open.length > 0)
    .map((one) => deliveryOf(queue, progress, one, budget, leaseUntilMs));
  return { item: result.item, deliveries };
}

/** The buckets of ordered claims come back with them; what waits behind stays outside. */
async function accountChanges(
  progress: Progress,
  returning: readonly Returning[],
  backlogs: Backlogs,
  spilled: number,
): Promise<readonly Change[]> {
  const buckets = returning.flatMap(({ claim }) => claim.order?.bucket ?? []);
  if (buckets.length === 0) return [{ op: "set", name: "r", value: spilled }];
  await backlogs.read(buckets);
  const backlogged = new Set(progress.backlogged);
  for (const bucket of buckets) {
    backlogs.setOut(bucket, false);
    if (!backlogs.isEmpty(bucket)) backlogged.add(bucket);
  }
  return movedChanges(progress, { spilled, bucketsOut: progress.bucketsOut - buckets.length, backlogged });
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
    const id = claimId(`${budget.nonce}/${claim.first}`, (taken) => item[`m${taken}`] !== undefined || ids.has(taken));
    ids.add(id);
    if (claim.order) {
      returning.push({ item: one, claim, id, messages: [], open: claim.open, deliver: false });
      continue;
    }
    const { messages, unreadable } = await readOffsets(
      consumption,
      queue,
      claim.open.map((relative) => claim.first + relative),
    );
    const size = bodyBytes(messages);
    const first = returning.length === 0;
    const fits = messages.length <= room && (first || size <= bytes);
    // What cannot be read is put aside by the step that takes the claim then.
    const deliver = fits && claim.attempt < queue.group.maxAttempts && unreadable.length === 0;
    if (deliver) {
      room -= messages.length;
      bytes -= size;
    }
    // What has expired meanwhile does not come back.
    const open = [...messages, ...unreadable].map(({ offset }) => offset - claim.first);
    returning.push({ item: one, claim, id, messages, open, deliver });
  }
  return returning;
}

function countsOf(returning: readonly Returning[]): { readonly taken: number; readonly expired: number } {
  let taken = 0;
  let expired = 0;
  for (const { claim, open } of returning) {
    taken += claim.open.length;
    expired += claim.open.length - open.length;
  }
  return { taken, expired };
}

function claimChanges({ claim, id, open, deliver }: Returning, budget: Budget, leaseUntilMs: number): readonly Change[] {
  if (open.length === 0) return [];
  const { order } = claim;
  const meta = deliver
    ? { ...takerOf(budget), attempt: claim.attempt + 1, dueMs: leaseUntilMs }
    : { nonce: givenBackNonce(`${budget.nonce}/${id}`, claim.attempt), attempt: claim.attempt, dueMs: claim.dueMs, order };
  return [
    { op: "set", name: `f${id}`, value: claim.first },
    { op: "set", name: `m${id}`, value: metaOf(meta) },
    { op: "set", name: `o${id}`, value: new Set(open) },
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
