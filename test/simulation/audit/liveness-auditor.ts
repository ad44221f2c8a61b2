import { placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

/** How long a message may wait while somebody asks for it: where waiting requests are rung, and where they must poll. */
export interface Promptness {
  readonly boundMs: number;
  /** The margin of a lease for the slowest clock. */
  readonly skewMs: number;
}

/**
 * For calm histories: messages that can be received are received within a bound while somebody asks, and no request is refused for
 * messages in flight while there are none. In doubt it is silent: messages handed out to an unknown holder count as out for a while.
 */
export class LivenessAuditor {
  readonly #violations: Violations;
  readonly #promptness: Promptness;
  /** When each message can be received. Absent: it is settled, or waits for another of its order. */
  readonly #dueMs = new Map<string, number>();
  readonly #deliveredMs = new Map<string, number>();
  /** Until then, any message may be out with a request whose answer nobody got. */
  #unsureUntilMs = 0;

  constructor(violations: Violations, promptness: Promptness) {
    this.#violations = violations;
    this.#promptness = promptness;
  }

  stored(seen: Seen, nowMs: number): void {
    const place = placeOf(seen);
    if (!this.#dueMs.has(place)) this.#dueMs.set(place, nowMs);
  }

  delivered(seen: Seen, untilMs: number, nowMs: number): void {
    this.#deliveredMs.set(placeOf(seen), nowMs);
    this.#dueMs.set(placeOf(seen), untilMs + this.#promptness.skewMs);
  }

  /** The message is settled, or its outcome is not known yet. */
  gone(seen: Seen): void {
    this.#dueMs.set(placeOf(seen), Number.POSITIVE_INFINITY);
  }

  /** Given back by a holder since `heldMs`. Another may have the message before this is told. */
  givenBack(seen: Seen, dueMs: number, heldMs: number): void {
    if ((this.#deliveredMs.get(placeOf(seen)) ?? 0) > heldMs) return;
    this.#dueMs.set(placeOf(seen), dueMs);
  }

  unanswered(untilMs: number): void {
    this.#unsureUntilMs = Math.max(this.#unsureUntilMs, untilMs + this.#promptness.skewMs);
  }

  /** A request that waited from `askedMs` is answered. Told before its messages. */
  answered(askedMs: number, nowMs: number): void {
    const sinceMs = Math.max(askedMs, this.#unsureUntilMs);
    for (const [place, dueMs] of this.#dueMs) {
      const lateMs = nowMs - Math.max(sinceMs, dueMs);
      if (lateMs > this.#promptness.boundMs)
        this.#violations.add("L", `${place} could be received for ${Math.round(lateMs)} ms while a request waited for it`);
    }
  }

  /** A receive was refused because of messages in flight. */
  refused(held: number, nowMs: number): void {
    if (held === 0 && nowMs > this.#unsureUntilMs)
      this.#violations.add("L", "a receive is refused for what is in flight, and nothing is");
  }
}
