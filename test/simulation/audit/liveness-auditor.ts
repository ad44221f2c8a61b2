import { placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

/** How long something may lie while somebody asks for it: where whoever waits hears of it, and where it must look. */
export interface Promptness {
  readonly boundMs: number;
  /** What a lease is prolonged by for the slowest clock. */
  readonly skewMs: number;
}

/**
 * Of calm histories: whatever can be received is received within a bound while somebody asks, and nobody is refused for what is in
 * flight while nothing is. It errs on the side of silence: what was handed out to nobody knows whom counts as out for a while.
 */
export class LivenessAuditor {
  readonly #violations: Violations;
  readonly #promptness: Promptness;
  /** When each message can be received; absent: it is settled, or waits for another of its order. */
  readonly #dueMs = new Map<string, number>();
  readonly #deliveredMs = new Map<string, number>();
  /** Before it, anything may be out with a request that nobody heard of. */
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

  /** What becomes of it is not known yet, or it is settled. */
  gone(seen: Seen): void {
    this.#dueMs.set(placeOf(seen), Number.POSITIVE_INFINITY);
  }

  /** By one who held it since `heldMs`; another may have it before that is heard of. */
  givenBack(seen: Seen, dueMs: number, heldMs: number): void {
    if ((this.#deliveredMs.get(placeOf(seen)) ?? 0) > heldMs) return;
    this.#dueMs.set(placeOf(seen), dueMs);
  }

  unanswered(untilMs: number): void {
    this.#unsureUntilMs = Math.max(this.#unsureUntilMs, untilMs + this.#promptness.skewMs);
  }

  /** A request that waited from `askedMs` is answered; told before what it brought. */
  answered(askedMs: number, nowMs: number): void {
    const sinceMs = Math.max(askedMs, this.#unsureUntilMs);
    for (const [place, dueMs] of this.#dueMs) {
      const lateMs = nowMs - Math.max(sinceMs, dueMs);
      if (lateMs > this.#promptness.boundMs)
        this.#violations.add("L", `${place} could be received for ${Math.round(lateMs)} ms while a request waited for it`);
    }
  }

  /** A receive was refused for what is in flight. */
  refused(held: number, nowMs: number): void {
    if (held === 0 && nowMs > this.#unsureUntilMs)
      this.#violations.add("L", "a receive is refused for what is in flight, and nothing is");
  }
}
