import { type Delivery, placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

interface Belief {
  readonly consumer: string;
  readonly attemptId: string | undefined;
  untilMs: number;
  readonly askedMs: number;
}

/** I4: who holds what, as the holders believe. Deliberately independent of the store's view. */
export class HoldingAuditor {
  readonly #violations: Violations;
  readonly #beliefs = new Map<string, Belief>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** `voided`: whether a reset may have ended deliveries that were requested at that time. */
  deliver(seen: Seen, delivery: Delivery, voided: (askedMs: number) => boolean): void {
    const place = placeOf(seen);
    const belief = this.#beliefs.get(place);
    if (belief && delivery.nowMs < belief.untilMs && !isRepeat(belief, delivery) && !voided(belief.askedMs)) {
      const again = belief.consumer === delivery.consumer ? "again " : "";
      this.#violations.add(
        "I4",
        `${seen.body} at ${place} is delivered ${again}to ${delivery.consumer} while ${belief.consumer} holds it`,
      );
    }
    const { consumer, attemptId, untilMs, askedMs } = delivery;
    this.#beliefs.set(place, { consumer, attemptId, untilMs, askedMs });
  }

  /** The messages of one answer whose leases run. */
  together(answer: readonly Seen[]): void {
    const places = new Set<string>();
    for (const seen of answer) {
      const place = placeOf(seen);
      if (places.has(place)) this.#violations.add("I4", `${seen.body} at ${place} comes twice in one answer`);
      places.add(place);
    }
  }

  /** An extend was answered. */
  extend(consumer: string, seen: Seen, untilMs: number, nowMs: number): void {
    const belief = this.#beliefs.get(placeOf(seen));
    if (belief?.consumer === consumer && untilMs > nowMs) belief.untilMs = Math.max(belief.untilMs, untilMs);
  }

  /** The lease may end then, by the consumer's own request. */
  shorten(consumer: string, seen: Seen, untilMs: number): void {
    const belief = this.#beliefs.get(placeOf(seen));
    if (belief?.consumer === consumer) belief.untilMs = Math.min(belief.untilMs, untilMs);
  }

  /** The consumer no longer acts on the message. */
  release(consumer: string, seen: Seen): void {
    if (this.#beliefs.get(placeOf(seen))?.consumer === consumer) this.#beliefs.delete(placeOf(seen));
  }

  holds(consumer: string, seen: Seen, nowMs: number): boolean {
    const belief = this.#beliefs.get(placeOf(seen));
    return belief?.consumer === consumer && nowMs < belief.untilMs;
  }

  /** How many messages somebody holds. */
  heldAt(nowMs: number): number {
    return [...this.#beliefs.values()].filter(({ untilMs }) => nowMs < untilMs).length;
  }

  forget(voided: (place: string) => boolean): void {
    for (const place of this.#beliefs.keys()) if (voided(place)) this.#beliefs.delete(place);
  }
}

const isRepeat = (belief: Belief, delivery: Delivery): boolean =>
  delivery.attemptId !== undefined && belief.attemptId === delivery.attemptId && belief.consumer === delivery.consumer;
