import { CLAIMS_MAX, HUSKS_PER_RESERVE_MAX, SCAN_CHUNK, SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Change, Condition, Item } from "../ports/item-store.ts";
import type { StoredMessage } from "../terms.ts";
import { type ConsumedQueue, type Consumption, logQueue } from "./consumption.ts";
import { claimId, metaOf, type Progress, progressOf } from "./progress.ts";
import { nextHint } from "./run-hint.ts";
import { sweepHusks } from "./sweep-husks.ts";
import type { Budget, NotTaken, Taken } from "./take-from-queue.ts";

/** What a scan found: the matching messages, up to where it looked, and what had expired on the way. */
interface Found {
  readonly messages: readonly StoredMessage[];
  readonly next: number;
  readonly hint: number;
  readonly expired: number;
}

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
  const found = await find(consumption, queue, progress, budget);
  if (found.next === progress.next) return "nothing";
  if (found.messages.length > 0 && progress.claims.size >= CLAIMS_MAX) return "full";
  const { messages } = found;
  const [first] = messages;
  const id = claimId(budget.nonce, (taken) => item[`m${taken}`] !== undefined);
  const leaseUntilMs = consumption.clock.nowMs() + budget.leaseMs;
  const husks = sweepHusks(progress, HUSKS_PER_RESERVE_MAX);
  const claim: readonly Change[] = first
    ? [
        { op: "set", name: `f${id}`, value: first.offset },
        { op: "set", name: `m${id}`, value: metaOf({ nonce: budget.nonce, attempt: 1, dueMs: leaseUntilMs }) },
        { op: "set", name: `o${id}`, value: new Set(messages.map(({ offset }) => offset - first.offset)) },
      ]
    : [];
  const result = await consumption.progress.update(queue.subscription.uid, queue.queueId, {
    changes: [
      ...claim,
      { op: "set", name: "n", value: found.next },
      { op: "set", name: "nb", value: found.hint },
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
  const { nonce } = budget;
  const delivery = {
    queue,
    generation: progress.generation,
    claimId: id,
    first: first.offset,
    nonce,
    attempt: 1,
    leaseUntilMs,
    messages,
    handedOut: messages.length,
  };
  return { item: result.item, deliveries: [delivery] };
}

/** Scans from the next offset until the budget is filled, the queue ends, or enough was looked at. */
async function find(consumption: Consumption, queue: ConsumedQueue, progress: Progress, budget: Budget): Promise<Found> {
  const messages: StoredMessage[] = [];
  let { next, hint } = progress;
  let expired = 0;
  let bytes = 0;
  while (messages.length < budget.messages && next - progress.next < SCAN_MESSAGES_MAX) {
    const run = await consumption.log.reader.run(logQueue(queue), next, SCAN_CHUNK, hint);
    if (run.available === 0) break;
    const matches = await consumption.log.matching(run, Math.min(run.available, SCAN_CHUNK), logQueue(queue), queue.filter);
    expired += run.from - next;
    const fitting = matches.messages.findIndex((message, index) => {
      bytes += message.body.length;
      return messages.length + index >= budget.messages || (messages.length + index > 0 && bytes > budget.bytes);
    });
    messages.push(...(fitting < 0 ? matches.messages : matches.messages.slice(0, fitting)));
    const stoppedAt = fitting < 0 ? undefined : (matches.messages[fitting]?.offset as number);
    next = stoppedAt ?? run.from + Math.min(run.available, SCAN_CHUNK);
    expired += matches.gone.filter((offset) => offset < next).length;
    hint = nextHint(run, next);
    if (stoppedAt !== undefined) break;
  }
  return { messages, next, hint, expired };
}
