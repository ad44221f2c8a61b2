import { orderKeyOf } from "../scenario.ts";
import { placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

/** How many requests with room left may miss a message that could already be received when they began. */
const PASSED_OVER_MAX = 12;
/** And the least time in which they do so. */
const WAITED_MS_MAX = 15_000;

interface Waiting {
  readonly seen: Seen;
  dueMs: number;
  deliveredMs: number;
  /** Requests since it was due that could have brought it. */
  passedOver: number;
}

/**
 * For calm histories with an order: the first unsettled message of each group is received before long while somebody asks, whatever
 * else waits. Messages that are given back with it count as out until its lease ends.
 */
export class TurnAuditor {
  readonly #violations: Violations;
  readonly #skewMs: number;
  /** The waiting messages of each queue and order key, by offset. */
  readonly #lines = new Map<string, Waiting[]>();
  readonly #byPlace = new Map<string, Waiting>();
  #unsureUntilMs = 0;

  constructor(violations: Violations, skewMs: number) {
    this.#violations = violations;
    this.#skewMs = skewMs;
  }

  stored(seen: Seen, nowMs: number): void {
    const key = orderKeyOf(seen.body);
    if (key === undefined || this.#byPlace.has(placeOf(seen))) return;
    const name = `${seen.queueId}/${key}`;
    const line = this.#lines.get(name) ?? [];
    this.#lines.set(name, line);
    const waiting = { seen, dueMs: nowMs, deliveredMs: 0, passedOver: 0 };
    this.#byPlace.set(placeOf(seen), waiting);
    const at = line.findLastIndex((other) => other.seen.offset < seen.offset);
    line.splice(at + 1, 0, waiting);
  }

  delivered(seen: Seen, untilMs: number, nowMs: number): void {
    const waiting = this.#byPlace.get(placeOf(seen));
    if (waiting) waiting.deliveredMs = nowMs;
    this.#put(seen, untilMs + this.#skewMs);
  }

  /** Somebody acts on the message, and the outcome is not known yet. */
  unsure(seen: Seen): void {
    this.#put(seen, Number.POSITIVE_INFINITY);
  }

  /** Given back by a holder since `heldMs`. Another may have the message before this is told. */
  givenBack(seen: Seen, dueMs: number, heldMs: number): void {
    if ((this.#byPlace.get(placeOf(seen))?.deliveredMs ?? 0) <= heldMs) this.#put(seen, dueMs);
  }

  /** The message is settled: the next of its line can be received. */
  ended(seen: Seen, nowMs: number): void {
    const line = this.#lines.get(`${seen.queueId}/${orderKeyOf(seen.body)}`);
    const at = line?.findIndex((waiting) => waiting.seen.offset === seen.offset) ?? -1;
    if (!line || at < 0) return;
    line.splice(at, 1);
    const [next] = line;
    if (at === 0 && next) next.dueMs = Math.max(next.dueMs, nowMs);
  }

  unanswered(untilMs: number): void {
    this.#unsureUntilMs = Math.max(this.#unsureUntilMs, untilMs + this.#skewMs);
  }

  /** A request brought less than it had room for. Told after its messages. */
  answered(askedMs: number, nowMs: number): void {
    for (const [waiting] of this.#lines.values()) {
      const sinceMs = Math.max(waiting?.dueMs ?? Number.POSITIVE_INFINITY, this.#unsureUntilMs);
      if (!waiting || sinceMs > askedMs) continue;
      waiting.passedOver++;
      if (waiting.passedOver <= PASSED_OVER_MAX || nowMs - sinceMs <= WAITED_MS_MAX) continue;
      const { body } = waiting.seen;
      this.#violations.add(
        "L",
        `${body} at ${placeOf(waiting.seen)} could be received for ${Math.round(nowMs - sinceMs)} ms while ${waiting.passedOver} requests had room for it`,
      );
      waiting.passedOver = 0;
    }
  }

  #put(seen: Seen, dueMs: number): void {
    const waiting = this.#byPlace.get(placeOf(seen));
    if (!waiting) return;
    waiting.dueMs = dueMs;
    waiting.passedOver = 0;
  }
}
