import { CLAIMS_MAX, HUSKS_PER_RESERVE_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import { type Budget, takerOf } from "./budget.ts";
import { type ConsumedQueue, type Consumption, logQueue } from "./consumption.ts";
import { findMatching } from "./find-matching.ts";
import { claimId, metaOf, progressOf } from "./progress.ts";
import { sweepHusks } from "./sweep-husks.ts";
import { type NotTaken, type Taken, unreadableIn } from "./taken.ts";

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
    pause: () => consumption.reading.pause(),
    over: () => budget.searchUntilMs !== undefined && consumption.clock.nowMs() >= budget.searchUntilMs,
  });
  consumption.progress.sawPlenty(queue, found.messages.length >= budget.messages);
  if (found.next === progress.next) return "nothing";
  const { messages, unreadable } = found;
  // What cannot be read is claimed with the others, and then put aside: what a claim holds is not forgotten.
  const offsets = [...messages, ...unreadable].map(({ offset }) => offset).sort((a, b) => a - b);
  const [first] = offsets;
  if (first !== undefined && progress.claims.size >= CLAIMS_MAX) return "full";
  const id = claimId(budget.nonce, (taken) => item[`m${taken}`] !== undefined);
  const taker = takerOf(budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const claim: readonly Change[] =
    first !== undefined
      ? [
          { op: "set", name: `f${id}`, value: first },
          { op: "set", name: `m${id}`, value: metaOf({ ...taker, attempt: 1, dueMs: leaseUntilMs }) },
          { op: "set", name: `o${id}`, value: new Set(offsets.map((offset) => offset - first)) },
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
  if (first === undefined) return { item: result.item, deliveries: [] };
  const delivery = {
    queue,
    generation: progress.generation,
    claimId: id,
    first,
    ...taker,
    attempt: 1,
    leaseUntilMs,
    messages,
    handedOut: offsets.length,
  };
  return { item: result.item, deliveries: [delivery], unreadable: unreadableIn(delivery, unreadable) };
}
