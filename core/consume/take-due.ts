import type { ReadMessages } from "../log/run-messages.ts";
import type { Change, Item } from "../ports/item-store.ts";
import { type Budget, takerOf } from "./budget.ts";
import type { ConsumedQueue, Consumption } from "./consumption.ts";
import { deadLetterClaim } from "./dead-letter.ts";
import {
  type Claim,
  type ClaimMeta,
  claimId,
  exactClaim,
  isGivenBack,
  metaOf,
  openAsRead,
  type Progress,
  progressOf,
} from "./progress.ts";
import { putAside } from "./put-aside.ts";
import { readOffsets } from "./read-offsets.ts";
import { takeDueOrdered } from "./take-due-ordered.ts";
import type { Taken } from "./taken.ts";

/** When a claim may be handed out again. A lease waits for the slowest clock; a wait that nobody believes in does not. */
export const dueAgainMs = (claim: Claim, skewMarginMs: number): number => claim.dueMs + (isGivenBack(claim) ? 0 : skewMarginMs);

/** The claim that has been due longest, if any is. */
export function dueClaim(progress: Progress, nowMs: number, skewMarginMs: number): Claim | undefined {
  let due: Claim | undefined;
  for (const claim of progress.claims.values()) {
    if (dueAgainMs(claim, skewMarginMs) <= nowMs && (!due || claim.dueMs < due.dueMs)) due = claim;
  }
  return due;
}

/**
 * Hands a due claim out again, in place: no copy, no revive job. It is taken on its exact meta, and what the update returns is
 * what is handed out: a late ack may have settled some of it since it was read. After the last attempt it is dead-lettered.
 */
export async function takeDue(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  claim: Claim,
  budget: Budget,
): Promise<Taken> {
  if (claim.order) return takeDueOrdered(consumption, queue, item, { ...claim, order: claim.order }, budget);
  const progress = progressOf(item);
  const { messages, unreadable } = await messagesOfClaim(consumption, queue, claim);
  if (unreadable.length > 0) return { item: await putAside(consumption, queue, item, claim, unreadable), deliveries: [] };
  if (messages.length > 0 && claim.attempt >= queue.group.maxAttempts) {
    return { item: await deadLetterClaim(consumption, queue, progress.generation, claim, messages), deliveries: [] };
  }
  const gone = claim.open.filter((relative) => !messages.some((message) => message.offset === claim.first + relative));
  const fits = messages.length <= budget.messages;
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const taken = { ...takerOf(budget), attempt: claim.attempt + 1, dueMs: leaseUntilMs };
  const exact = exactClaim(progress.generation, claim);
  const id = fits ? claim.id : claimId(`${budget.nonce}+${claim.id}`, (used) => item[`m${used}`] !== undefined);
  const part = fits ? undefined : new Set(messages.slice(0, budget.messages).map(({ offset }) => offset - claim.first));
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: part ? splitChanges(claim, id, taken, part) : wholeChanges(claim, taken, gone),
    when: [
      ...exact,
      // What a late ack settled since must neither be handed out again, nor count as expired; what a nack has just added to a
      // claim that was given back must not be leased without being handed out.
      ...(part || gone.length > 0 || isGivenBack(claim) ? [openAsRead(claim)] : []),
      ...(part ? [{ op: "absent", name: `f${id}` } as const] : []),
    ],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  const open = result.item?.[`o${id}`] as ReadonlySet<number> | undefined;
  const still = messages.filter(({ offset }) => open?.has(offset - claim.first));
  if (still.length === 0) return { item: result.item, deliveries: [] };
  const { generation } = progress;
  const delivery = {
    queue,
    generation,
    claimId: id,
    first: claim.first,
    ...taken,
    leaseUntilMs,
    messages: still,
    handedOut: open?.size ?? 0,
  };
  return { item: result.item, deliveries: [delivery] };
}

function wholeChanges(claim: Claim, taken: ClaimMeta, gone: readonly number[]): readonly Change[] {
  const meta: Change = { op: "set", name: `m${claim.id}`, value: metaOf(taken) };
  if (gone.length === 0) return [meta];
  return [
    meta,
    { op: "deleteFromSet", name: `o${claim.id}`, values: new Set(gone) },
    { op: "increment", name: "ex", by: gone.length },
  ];
}

function splitChanges(claim: Claim, id: string, taken: ClaimMeta, part: ReadonlySet<number>): readonly Change[] {
  return [
    { op: "set", name: `f${id}`, value: claim.first },
    { op: "set", name: `m${id}`, value: metaOf(taken) },
    { op: "set", name: `o${id}`, value: part },
    { op: "deleteFromSet", name: `o${claim.id}`, values: part },
  ];
}

/** The claim's open messages that have not expired, in order, and those that cannot be read. */
export const messagesOfClaim = (
  consumption: Consumption,
  queue: ConsumedQueue,
  claim: Pick<Claim, "first" | "open">,
): Promise<ReadMessages> =>
  readOffsets(
    consumption,
    queue,
    claim.open.map((relative) => claim.first + relative),
  );
