import { PROBES_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import { type ConsumedQueue, logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { Delivery } from "../progress/held.ts";
import type { Progress } from "../progress/progress.ts";
import type { Budget } from "./budget.ts";
import { waitingOutside } from "./refill.ts";
import { dueAgainMs, dueClaim } from "./take-due.ts";
import { type QueueTake, takeFromQueue } from "./take-from-queue.ts";
import type { Step } from "./taken.ts";

/** What one pass over a group's queues found. */
export interface PassResult {
  readonly deliveries: readonly Delivery[];
  /** When the first of the open claims falls due. */
  readonly nextDueMs: number | undefined;
  /** A queue with more messages, but with as many open claims as it may have. */
  readonly full?: ConsumedQueue | undefined;
  /** The search of a queue stopped before its end, because the filter rejected very many messages. */
  readonly more?: boolean;
}

/**
 * One pass over queues, in their order, until the budget is spent. If a recent image of the first queue promises messages, the pass
 * takes from that queue without reading its progress. For the rest of the budget it reads all queues, sixteen at a time.
 */
export class Pass {
  readonly #consumption: Consumption;
  readonly #budget: Budget;
  readonly #deliveries: Delivery[] = [];
  #messages: number;
  #bytes: number;
  #failure: { readonly error: unknown } | undefined;

  constructor(consumption: Consumption, budget: Budget) {
    this.#consumption = consumption;
    this.#budget = budget;
    this.#messages = budget.messages;
    this.#bytes = budget.bytes;
  }

  /** Errors: the first failure, if nothing was taken. Else what was taken is answered, since it is leased already. */
  async through(queues: readonly ConsumedQueue[]): Promise<PassResult> {
    const { progressStore: store } = this.#consumption;
    const [first] = queues;
    const warm = first && store.recent(first);
    // An old image proves neither that a queue is empty nor that it is full. So the loop below reads this queue again.
    if (first && warm && isWorthwhile(this.#consumption, first, warm))
      this.#add(await takeFromQueue(this.#consumption, this.#step(first, warm)).catch(this.#failed));
    let nextDueMs: number | undefined;
    let full: ConsumedQueue | undefined;
    let more = false;
    for (let from = 0; from < queues.length && !this.#spent; from += PROBES_MAX) {
      const some = queues.slice(from, from + PROBES_MAX);
      const read = (await store.readAll(some).catch(this.#failed)) ?? [];
      const pairs = read.map((progress, index) => ({ progress, queue: some[index] as ConsumedQueue }));
      const promising = await Promise.all(
        pairs.map(({ queue, progress }) => pairs.length === 1 || this.#hasSomething(queue, progress).catch(this.#failed)),
      );
      for (const [index, { queue, progress }] of pairs.entries()) {
        if (promising[index] && !this.#spent) {
          const taken = this.#add(await takeFromQueue(this.#consumption, this.#step(queue, progress)).catch(this.#failed));
          if (taken?.full) full ??= queue;
          more ||= taken?.more ?? false;
        }
        nextDueMs = earliestDueMs(this.#consumption, progress, nextDueMs);
      }
    }
    if (this.#failure && this.#deliveries.length === 0) throw this.#failure.error;
    return { deliveries: this.#deliveries, nextDueMs, full, more };
  }

  get #spent(): boolean {
    return this.#messages <= 0 || this.#bytes <= 0;
  }

  #step(queue: ConsumedQueue, progress: Progress): Step {
    return { queue, progress, budget: { ...this.#budget, messages: this.#messages, bytes: this.#bytes } };
  }

  #add(taken: QueueTake | undefined): QueueTake | undefined {
    for (const delivery of taken?.deliveries ?? []) {
      this.#deliveries.push(delivery);
      this.#messages -= delivery.held.handedOut;
      this.#bytes -= bodyBytes(delivery.messages);
    }
    return taken;
  }

  async #hasSomething(queue: ConsumedQueue, progress: Progress): Promise<boolean> {
    if (isWaiting(this.#consumption, progress)) return true;
    const run = await this.#consumption.log.reader.run(logQueue(queue), progress.next, 1, progress.hint);
    return run.available > 0;
  }

  readonly #failed = (error: unknown): undefined => {
    this.#failure ??= { error };
  };
}

/**
 * A cheaper pass for a receive that waits: eventually consistent reads, at half the price, find the queues that are worth a real pass.
 */
export async function polledPass(
  consumption: Consumption,
  queues: readonly ConsumedQueue[],
  budget: Budget,
): Promise<PassResult> {
  const seen = await consumption.progressStore.peekAll(queues);
  let nextDueMs: number | undefined;
  const promising = await Promise.all(
    queues.map(async (queue, index) => {
      const progress = seen[index];
      if (!progress) return true;
      nextDueMs = earliestDueMs(consumption, progress, nextDueMs);
      if (isWaiting(consumption, progress)) return true;
      return consumption.log.reader.reaches(logQueue(queue), progress.next, progress.hint);
    }),
  );
  const worthwhile = queues.filter((_, index) => promising[index]);
  return worthwhile.length === 0 ? { deliveries: [], nextDueMs } : new Pass(consumption, budget).through(worthwhile);
}

function earliestDueMs({ skewMarginMs }: Consumption, progress: Progress, soFarMs: number | undefined): number | undefined {
  let earliestMs = soFarMs;
  for (const claim of progress.claims.values()) {
    const dueMs = dueAgainMs(claim, skewMarginMs);
    earliestMs = Math.min(earliestMs ?? dueMs, dueMs);
  }
  if (progress.messagesOut > 0) earliestMs = Math.min(earliestMs ?? progress.movedOutDueMs, progress.movedOutDueMs);
  return earliestMs;
}

/** Whether a claim is due again, or messages are deferred: their message group may be free by now. */
function isWaiting({ clock, skewMarginMs }: Consumption, progress: Progress): boolean {
  const nowMs = clock.nowMs();
  return (
    progress.deferred.offsets.length > 0 ||
    waitingOutside(progress).length > 0 ||
    (progress.messagesOut > 0 && progress.movedOutDueMs <= nowMs) ||
    dueClaim(progress, nowMs, skewMarginMs) !== undefined
  );
}

/** Whether an image, perhaps seconds old, promises enough to take from the queue without reading it first. */
const isWorthwhile = (consumption: Consumption, queue: ConsumedQueue, progress: Progress): boolean =>
  consumption.progressStore.hadPlenty(queue) || isWaiting(consumption, progress);
