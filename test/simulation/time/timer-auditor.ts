import type { Delivery } from "./delivery.ts";
import { outOfOrder } from "./due-order.ts";
import { SKEW_MS } from "./frozen-clock.ts";
import { decidingMove, lastMoves, mayBeCancelled, type Outcome, type Step, stepsOf, type Timer, wasSent } from "./timer.ts";

/** To be called with the outcome of a request. Not called: the outcome is unknown. */
export type Answered = (outcome: Exclude<Outcome, "unknown">, dueMs?: number) => void;

/** How long a handler may still know a deleted topic. */
const TOPIC_KNOWN_MS = 2_000;

/** Told what senders of delayed messages see, as it happens, and finds violations of I1 and I7. */
export class TimerAuditor {
  readonly violations: string[] = [];
  readonly #nowMs: () => number;
  readonly #timers = new Map<string, Timer>();
  readonly #deletions = new Map<string, { readonly startedMs: number; endedMs: number }>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get sent(): number {
    return this.#timers.size;
  }

  sends(timer: Omit<Timer, "steps">, dueMs: number): Answered {
    this.#timers.set(timer.text, { ...timer, steps: [] });
    return this.#asks(timer.text, "send", dueMs);
  }

  moves(text: string, dueMs: number): Answered {
    return this.#asks(text, "move", dueMs);
  }

  cancels(text: string): Answered {
    return this.#asks(text, "cancel", Number.POSITIVE_INFINITY);
  }

  deletes(topic: string): { done(): void } {
    const deletion = { startedMs: this.#nowMs(), endedMs: Number.POSITIVE_INFINITY };
    this.#deletions.set(topic, deletion);
    return {
      done: () => {
        deletion.endedMs = this.#nowMs();
      },
    };
  }

  /** Given the final queues, the ids of parked messages, and until when a timer of a due time must have been delivered. */
  finish(end: {
    readonly deliveries: readonly Delivery[];
    readonly parked: readonly string[];
    readonly latestMs: (timer: Timer, dueMs: number) => number;
  }): void {
    const delivered = new Map<string, Delivery[]>();
    for (const delivery of end.deliveries) delivered.set(delivery.body, [...(delivered.get(delivery.body) ?? []), delivery]);
    for (const timer of this.#timers.values()) {
      const found = delivered.get(timer.text) ?? [];
      const parked = end.parked.filter((id) => id === timer.text).length;
      if (found.length > 1) this.#bad(timer, `fires ${found.length} times: at ${found.map(placeOf).join(" and ")}`);
      if (found.length + parked > 0 && stepsOf(timer, "cancel", "done").length > 0)
        this.#bad(timer, "fires after its cancel was answered");
      if (found.length > 0 && parked > 0) this.#bad(timer, "is delivered, and parked");
      if (this.#isOrphaned(timer)) this.#checkOrphaned(timer, found, parked);
      else if (!this.#mayBeOrphaned(timer)) this.#checkDelivery(timer, found[0], parked);
      if (found[0]) this.#checkTime(timer, found[0], end.latestMs);
    }
    for (const wrong of outOfOrder(this.#timers.values(), (text) => delivered.get(text)?.[0]))
      this.violations.push(`I7 ${wrong}`);
  }

  #asks(text: string, kind: Step["kind"], dueMs: number): Answered {
    const step: Step = { kind, dueMs, startedMs: this.#nowMs(), endedMs: Number.POSITIVE_INFINITY, outcome: "unknown" };
    this.#timers.get(text)?.steps.push(step);
    return (outcome, answeredDueMs) => {
      step.outcome = outcome;
      step.endedMs = this.#nowMs();
      if (answeredDueMs !== undefined) step.dueMs = answeredDueMs;
    };
  }

  #checkDelivery(timer: Timer, delivery: Delivery | undefined, parked: number): void {
    const { text } = timer;
    if (parked > 0) this.#bad(timer, "is parked although its topic is there");
    if (delivery) {
      if (stepsOf(timer, "send", "refused").length > 0)
        this.violations.push(`I1 ${text} is stored although its send was refused`);
      if (timer.steps.some(({ outcome }) => outcome === "cancelled"))
        this.#bad(timer, "is delivered, though told to be cancelled");
      return;
    }
    if (timer.steps.some(({ outcome }) => outcome === "delivered")) this.#bad(timer, "is told to be delivered, and is not");
    if (wasSent(timer) && !mayBeCancelled(timer)) this.violations.push(`I1 ${text} was acknowledged, and is never delivered`);
  }

  /** Its topic is gone: the message may have been delivered there, where nobody can see it. */
  #checkOrphaned(timer: Timer, found: readonly Delivery[], parked: number): void {
    if (found.length > 0) this.#bad(timer, "is delivered to a topic that was made after its own was deleted");
    if (parked > 1) this.#bad(timer, `is parked ${parked} times`);
    const dueMs = Math.min(...lastMoves(timer).map((move) => move.dueMs));
    const goneMs = (this.#deletions.get(timer.topic)?.endedMs ?? 0) + TOPIC_KNOWN_MS + 2 * SKEW_MS;
    if (parked === 0 && wasSent(timer) && !mayBeCancelled(timer) && dueMs > goneMs) this.#bad(timer, "is lost with its topic");
  }

  #checkTime(timer: Timer, { storedAtMs }: Delivery, latestMs: (timer: Timer, dueMs: number) => number): void {
    const moves = lastMoves(timer);
    const dueMs = Math.min(...moves.map((move) => move.dueMs));
    if (storedAtMs < dueMs) this.#bad(timer, `is due at ${dueMs}, and fires ${dueMs - storedAtMs} ms early`);
    for (const { startedMs } of stepsOf(timer, "move", "done"))
      if (storedAtMs < startedMs - 2 * SKEW_MS) this.#bad(timer, "fires before it was moved");
    for (const { kind, endedMs, outcome } of timer.steps)
      if (outcome === "delivered" && storedAtMs > endedMs + 2 * SKEW_MS)
        this.#bad(timer, `fires after its ${kind} was told that it had`);
    const decided = decidingMove(timer);
    if (!decided) return;
    // A message written after its due time counts as due when written.
    const fromMs = Math.max(decided.dueMs, decided.endedMs);
    if (storedAtMs > latestMs(timer, fromMs)) this.#bad(timer, `is due at ${fromMs}, and fires ${storedAtMs - fromMs} ms late`);
  }

  /** Whether it certainly belongs to a topic that was deleted. */
  #isOrphaned({ topic, steps: [send] }: Timer): boolean {
    const deletion = this.#deletions.get(topic);
    return deletion !== undefined && send !== undefined && send.endedMs < deletion.startedMs;
  }

  #mayBeOrphaned({ topic, steps: [send] }: Timer): boolean {
    const deletion = this.#deletions.get(topic);
    return deletion !== undefined && send !== undefined && send.startedMs <= deletion.endedMs + TOPIC_KNOWN_MS;
  }

  #bad({ text }: Timer, what: string): void {
    this.violations.push(`I7 ${text} ${what}`);
  }
}

const placeOf = ({ topic, queueId, offset }: Delivery): string => `${topic}/${queueId}/${offset}`;
