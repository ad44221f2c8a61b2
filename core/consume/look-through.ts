import { PROBES_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Item } from "../ports/item-store.ts";
import type { Budget } from "./budget.ts";
import { type ConsumedQueue, type Consumption, type Delivery, logQueue } from "./consumption.ts";
import { type Progress, progressOf } from "./progress.ts";
import { waitingOutside } from "./refill.ts";
import { dueAgainMs, dueClaim } from "./take-due.ts";
import { type QueueTake, takeFromQueue } from "./take-from-queue.ts";

/** What one pass over a group's queues found. */
export interface Look {
  readonly deliveries: readonly Delivery[];
  /** When the first claim that is out falls due. */
  readonly nextDueMs: number | undefined;
  /** A queue that has more, but as many claims out as it may have. */
  readonly full?: ConsumedQueue | undefined;
  /** A queue was left before its end: a filter passed over very many messages. */
  readonly more?: boolean;
}

/**
 * One pass, in the order of `queues`, until the budget is spent. The first queue goes ahead on a warm image; what is then missing
 * is looked for in the others, sixteen at once. Errors: the first failure, but only where nothing was taken: what other queues
 * gave is leased already, and nobody would have it.
 */
export async function lookThrough(consumption: Consumption, queues: readonly ConsumedQueue[], budget: Budget): Promise<Look> {
  const pass = new Pass(consumption, budget);
  const [first] = queues;
  const warm = first && consumption.progress.recent(first.subscription.uid, first.queueId);
  if (first && warm && isWorthwhile(consumption, first, warm)) await pass.takeWarm(first, warm);
  for (let from = 0; from < queues.length && !pass.spent; from += PROBES_MAX)
    await pass.probe(queues.slice(from, from + PROBES_MAX));
  return pass.look();
}

/**
 * A cheaper pass for one that waits: eventually consistent reads, at half the price, tell which queues are worth a real one.
 * What they miss, the next one sees. At most a hundred queues.
 */
export async function pollThrough(consumption: Consumption, queues: readonly ConsumedQueue[], budget: Budget): Promise<Look> {
  const items = await consumption.progress.peekAll(queues);
  let nextDueMs: number | undefined;
  const promising = await Promise.all(
    queues.map(async (queue, index) => {
      const progress = items[index] && progressOf(items[index]);
      if (!progress) return true;
      nextDueMs = earliestDueMs(consumption, progress, nextDueMs);
      if (isWaiting(consumption, progress)) return true;
      return consumption.log.reader.reaches(logQueue(queue), progress.next, progress.hint);
    }),
  );
  const worthwhile = queues.filter((_, index) => promising[index]);
  return worthwhile.length === 0 ? { deliveries: [], nextDueMs } : lookThrough(consumption, worthwhile, budget);
}

function earliestDueMs({ skewMarginMs }: Consumption, progress: Progress, soFarMs: number | undefined): number | undefined {
  let earliestMs = soFarMs;
  for (const claim of progress.claims.values()) {
    const dueMs = dueAgainMs(claim, skewMarginMs);
    earliestMs = Math.min(earliestMs ?? dueMs, dueMs);
  }
  if (progress.spilled > 0) earliestMs = Math.min(earliestMs ?? progress.spilledDueMs, progress.spilledDueMs);
  return earliestMs;
}

class Pass {
  readonly #consumption: Consumption;
  readonly #budget: Budget;
  readonly #deliveries: Delivery[] = [];
  #messages: number;
  #bytes: number;
  #nextDueMs: number | undefined;
  #full: ConsumedQueue | undefined;
  #more = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(consumption: Consumption, budget: Budget) {
    this.#consumption = consumption;
    this.#budget = budget;
    this.#messages = budget.messages;
    this.#bytes = budget.bytes;
  }

  get spent(): boolean {
    return this.#messages <= 0 || this.#bytes <= 0;
  }

  /** What it does not find is looked for again, on the item as it is: an older image does not say that there is nothing, or no room. */
  async takeWarm(queue: ConsumedQueue, item: Item): Promise<void> {
    await this.#take(queue, item);
  }

  async take(queue: ConsumedQueue, item: Item): Promise<void> {
    const taken = await this.#take(queue, item);
    if (taken?.full) this.#full ??= queue;
    this.#more ||= taken?.more ?? false;
  }

  async #take(queue: ConsumedQueue, item: Item): Promise<QueueTake | undefined> {
    const left = { ...this.#budget, messages: this.#messages, bytes: this.#bytes };
    const taken = await this.#guarded(() => takeFromQueue(this.#consumption, queue, { item, fresh: true }, left));
    for (const delivery of taken?.deliveries ?? []) {
      this.#deliveries.push(delivery);
      this.#messages -= delivery.handedOut;
      this.#bytes -= bodyBytes(delivery.messages);
    }
    return taken;
  }

  async probe(queues: readonly ConsumedQueue[]): Promise<void> {
    const items = await this.#guarded(() => this.#consumption.progress.readAll(queues));
    if (!items) return;
    const pairs = queues.map((queue, index) => ({ queue, item: items[index] as Item }));
    const promising = await Promise.all(
      pairs.map(({ queue, item }) => pairs.length === 1 || this.#guarded(() => hasSomething(this.#consumption, queue, item))),
    );
    for (const [index, { queue, item }] of pairs.entries()) {
      if (promising[index] && !this.spent) await this.take(queue, item);
      this.#nextDueMs = earliestDueMs(this.#consumption, progressOf(item), this.#nextDueMs);
    }
  }

  look(): Look {
    if (this.#failure && this.#deliveries.length === 0) throw this.#failure.error;
    return { deliveries: this.#deliveries, nextDueMs: this.#nextDueMs, full: this.#full, more: this.#more };
  }

  async #guarded<T>(part: () => Promise<T>): Promise<T | undefined> {
    try {
      return await part();
    } catch (error) {
      this.#failure ??= { error };
      return undefined;
    }
  }
}

/** Whether something is due again, or parked: perhaps for a message group that is free by now. */
function isWaiting({ clock, skewMarginMs }: Consumption, progress: Progress): boolean {
  const nowMs = clock.nowMs();
  return (
    progress.parked.offsets.length > 0 ||
    waitingOutside(progress).length > 0 ||
    (progress.spilled > 0 && progress.spilledDueMs <= nowMs) ||
    dueClaim(progress, nowMs, skewMarginMs) !== undefined
  );
}

/** Whether an image that may be seconds old promises enough to go ahead on it alone. */
const isWorthwhile = (consumption: Consumption, queue: ConsumedQueue, item: Item): boolean =>
  consumption.progress.hadPlenty(queue) || isWaiting(consumption, progressOf(item));

async function hasSomething(consumption: Consumption, queue: ConsumedQueue, item: Item): Promise<boolean> {
  const progress = progressOf(item);
  if (isWaiting(consumption, progress)) return true;
  return (await consumption.log.reader.run(logQueue(queue), progress.next, 1, progress.hint)).available > 0;
}
