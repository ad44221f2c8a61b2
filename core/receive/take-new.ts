import { CLAIMS_MAX, EMPTY_CLAIMS_PER_RESERVE_MAX, RECEIVES_AHEAD } from "../limits.ts";
import { nextHint, type Run } from "../log/run-walk.ts";
import { logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { deliveriesFrom } from "../progress/held.ts";
import { freeClaimId } from "../progress/progress.ts";
import { ProgressChange } from "../progress/progress-change.ts";
import { takerOf } from "./budget.ts";
import type { NotTaken, Step, Taken } from "./taken.ts";

/**
 * Hands out messages from the group's next offset on: reads them first, then reserves some of them in one update.
 *
 * The table evaluates `f = n, n = n + k` on the current item, so concurrent receives get neighbouring ranges instead of losing races.
 * Only a jump over expired messages requires `n` as it was read.
 */
export async function takeNew(consumption: Consumption, step: Step): Promise<Taken | NotTaken> {
  const { queue, progress, budget } = step;
  const { log, progressStore: store } = consumption;
  const { run, end } = await readAhead(consumption, step);
  if (run.available === 0) {
    store.sawPlenty(queue, false);
    return "nothing";
  }
  if (progress.claims.size >= CLAIMS_MAX) return "full";
  const count = await log.countWithin(run, budget.messages, budget.bytes);
  const id = freeClaimId(progress, budget.nonce);
  const claim = { id, ...takerOf(budget), attempt: 1, dueMs: consumption.clock.nowMs() + budget.leaseMs };
  const next = run.from + count;
  const hint = nextHint(run, next);
  const change = new ProgressChange(progress);
  if (run.from > progress.next) {
    const open = Array.from({ length: count }, (_, relative) => relative);
    change
      .putClaim({ ...claim, first: run.from, open })
      .handOut(progress, { next, hint })
      .countExpired(run.expired);
  } else change.reserve(claim, count, { end, hint });
  const { ok, progress: after } = await store.update(queue, change.sweep(progress, EMPTY_CLAIMS_PER_RESERVE_MAX));
  const taken = after?.claims.get(id);
  if (!ok || !taken) return { progress: after, deliveries: [] };
  store.sawPlenty(queue, run.available >= budget.messages);
  const { first } = taken;
  const exact = first === run.from ? run : await log.reader.run(logQueue(queue), first, count, nextHint(run, first));
  const live = Math.min(count, Math.max(0, first + count - exact.from));
  const { messages, unreadable } = await log.messages(exact, first + count - live, live, logQueue(queue));
  const deliveries = deliveriesFrom(queue, after, { ...claim, messages });
  return { progress: after, deliveries, unreadable: { id, unreadable } };
}

/**
 * The messages from the group's next offset on, and how far the queue is known to reach. If the run does not show the end of the queue,
 * the end is read: a concurrent receive can then reserve the range behind this one instead of losing a race. If the last receive found
 * plenty, the end is read in parallel with the run; otherwise afterwards, and only if needed.
 */
async function readAhead(
  { log, progressStore: store }: Consumption,
  { queue, progress, budget: { messages } }: Step,
): Promise<{ readonly run: Run; readonly end: number }> {
  const logged = logQueue(queue);
  const near = (): boolean => log.reader.knownEnd(logged) < progress.next + RECEIVES_AHEAD * messages;
  const early = store.hadPlenty(queue) && near();
  const [run] = await Promise.all([
    log.reader.run(logged, progress.next, messages, progress.hint),
    early ? log.reader.tail(logged) : undefined,
  ]);
  if (!early && run.available >= messages && near()) await log.reader.tail(logged);
  return { run, end: Math.max(run.from + run.available, log.reader.knownEnd(logged)) };
}
