import { CLAIMS_MAX, HUSKS_PER_RESERVE_MAX, RECEIVES_AHEAD } from "../limits.ts";
import type { Run } from "../log/run-walk.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import { type Budget, takerOf } from "./budget.ts";
import { type ConsumedQueue, type Consumption, logQueue } from "./consumption.ts";
import { claimId, metaOf, type Progress, progressOf } from "./progress.ts";
import { nextHint } from "./run-hint.ts";
import { sweepHusks } from "./sweep-husks.ts";
import { type NotTaken, type Taken, unreadableIn } from "./taken.ts";

/**
 * Hands out messages from the group's next offset on: read what is there, then reserve a part of it in one update.
 *
 * The table evaluates `f = n, n = n + k` on the item as it is then, so receivers that come together get neighbouring ranges
 * instead of losing races. Only a jump over an expired gap needs `n` as it was read.
 */
export async function takeNew(
  consumption: Consumption,
  queue: ConsumedQueue,
  item: Item,
  budget: Budget,
): Promise<Taken | NotTaken> {
  const progress = progressOf(item);
  const { run, end } = await readAhead(consumption, queue, progress, budget.messages);
  if (run.available === 0) {
    consumption.progress.sawPlenty(queue, false);
    return "nothing";
  }
  if (progress.claims.size >= CLAIMS_MAX) return "full";
  const count = await consumption.log.countWithin(run, budget.messages, budget.bytes);
  const id = claimId(budget.nonce, (taken) => item[`m${taken}`] !== undefined);
  const taker = takerOf(budget);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const jump = run.from > progress.next;
  const reserve = reservation(progress, run, { count, end, jump });
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [
      ...reserve.changes(id),
      { op: "set", name: `m${id}`, value: metaOf({ ...taker, attempt: 1, dueMs: leaseUntilMs }) },
      { op: "set", name: `o${id}`, value: new Set(Array.from({ length: count }, (_, index) => index)) },
      { op: "set", name: "nb", value: nextHint(run, run.from + count) },
      ...husks.changes,
    ],
    when: [{ op: "=", name: "g", value: progress.generation }, { op: "absent", name: `f${id}` }, ...reserve.when, ...husks.when],
    returning: "allNew",
  });
  if (!result.ok) return { item: result.current, deliveries: [] };
  consumption.progress.sawPlenty(queue, run.available >= budget.messages);
  const first = result.item?.[`f${id}`] as number;
  const exact = first === run.from ? run : await consumption.log.reader.run(logQueue(queue), first, count, nextHint(run, first));
  const live = Math.min(count, Math.max(0, first + count - exact.from));
  const { messages, unreadable } = await consumption.log.messages(exact, first + count - live, live, logQueue(queue));
  const delivery = {
    queue,
    generation: progress.generation,
    claimId: id,
    first,
    ...taker,
    attempt: 1,
    leaseUntilMs,
    messages,
    handedOut: count,
  };
  return { item: result.item, deliveries: [delivery], unreadable: unreadableIn(delivery, unreadable) };
}

/**
 * What is there from the group's next offset on, and how far the queue is known to reach. Where the run does not show the end,
 * it is looked up: whoever comes second then gets what is behind, instead of losing a race. Beside the run where the queue had
 * plenty before, after it where that was not known.
 */
async function readAhead(
  { log, progress: store }: Consumption,
  queue: ConsumedQueue,
  progress: Progress,
  messages: number,
): Promise<{ readonly run: Run; readonly end: number }> {
  const place = logQueue(queue);
  const near = (): boolean => log.reader.knownEnd(place) < progress.next + RECEIVES_AHEAD * messages;
  const early = store.hadPlenty(queue) && near();
  const [run] = await Promise.all([
    log.reader.run(place, progress.next, messages, progress.hint),
    early ? log.reader.tail(place) : undefined,
  ]);
  if (!early && run.available >= messages && near()) await log.reader.tail(place);
  return { run, end: Math.max(run.from + run.available, log.reader.knownEnd(place)) };
}

function reservation(
  progress: Progress,
  run: Run,
  { count, end, jump }: { readonly count: number; readonly end: number; readonly jump: boolean },
) {
  if (jump) {
    return {
      changes: (id: string): Change[] => [
        { op: "set", name: `f${id}`, value: run.from },
        { op: "set", name: "n", value: run.from + count },
        { op: "increment", name: "ex", by: run.expired },
      ],
      when: [{ op: "=", name: "n", value: progress.next }] satisfies Condition[],
    };
  }
  return {
    changes: (id: string): Change[] => [
      { op: "copy", name: `f${id}`, from: "n" },
      { op: "increment", name: "n", by: count },
    ],
    when: [{ op: "<=", name: "n", value: end - count }] satisfies Condition[],
  };
}
