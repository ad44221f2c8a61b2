import { CLAIMS_MAX, HUSKS_PER_RESERVE_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import { type Budget, takerOf } from "./budget.ts";
import { type ConsumedQueue, type Consumption, logQueue } from "./consumption.ts";
import { findMatching } from "./find-matching.ts";
import { claimId, metaOf, progressOf } from "./progress.ts";
import { failAt } from "./read-offsets.ts";
import { sweepHusks } from "./sweep-husks.ts";
import type { NotTaken, Taken } from "./take-from-queue.ts";

/**
 * Hands out messages that the subscription's filter lets through. The next offset also moves past those it does not, so that
 * nobody looks at them again: therefore the update wants it as read.
 */
export async function takeMatching(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
): Promise<Taken | NotTaken> {
  const progress = progressOf(item);
  const found = await findMatching(consumption.log, logQueue(queue), queue.filter, {
    from: progress.next,
    hint: progress.hint,
    messages: budget.messages,
    bytes: budget.bytes,
    over: () => budget.searchUntilMs !== undefined && consumption.clock.nowMs() >= budget.searchUntilMs,
  });
  failAt(found.unreadable);
  consumption.progress.sawPlenty(queue, found.messages.length >= budget.messages);
  if (found.next === progress.next) return "nothing";
  if (found.messages.length > 0 && progress.claims.size >= CLAIMS_MAX) return "full";
  const { messages } = found;
  const [first] = messages;
  const id = claimId(budget.nonce, (taken) => item[`m${taken}`] !== undefined);
  const taker = takerOf(budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const claim: readonly Change[] = first
    ? [
        { op: "set", name: `f${id}`, value: first.offset },
        { op: "set", name: `m${id}`, value: metaOf({ ...taker, attempt: 1, dueMs: leaseUntilMs }) },
        { op: "set", name: `o${id}`, value: new Set(messages.map(({ offset }) => offset - first.offset)) },
      ]
    : [];
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [
      ...claim,
      { op: "set", name: "n", value: found.next },
      { op: "set", name: "nb", value: found.hint ?? progress.hint },
      ...(found.expired === 0 ? [] : [{ op: "increment", name: "ex", by: found.expired } as const]),
      ...husks.changes,
    ],
    when: [
      { op: "=", name: "g", value: progress.generation },
      { op: "=", name: "n", value: progress.next },
      { op: "absent", name: `f${id}` } satisfies Condition,
      ...husks.when,
    ],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  if (!first) return { item: result.item, deliveries: [] };
  const delivery = {
    queue,
    generation: progress.generation,
    claimId: id,
    first: first.offset,
    ...taker,
    attempt: 1,
    leaseUntilMs,
    messages,
    handedOut: messages.length,
  };
  return { item: result.item, deliveries: [delivery] };
}
