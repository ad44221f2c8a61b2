import { METADATA_CACHE_MS } from "../../../core/limits.ts";
import type { StartFrom } from "../../../core/terms.ts";
import type { Violations } from "./violations.ts";

/** A clock that is set back keeps what was read for so much longer. */
const CLOCK_STEP_MS_MAX = 2_000;
/** Every handler knows by then of what was changed, and a little more. */
export const KNOWN_MS = METADATA_CACHE_MS + CLOCK_STEP_MS_MAX + 1_000;

interface Send {
  readonly startedMs: number;
  ackedMs: number;
}

/** One subscription as whoever asked for it knows it. Of one that was never answered the end is not known either. */
interface Subscribed {
  readonly group: string;
  readonly topic: string;
  readonly startFrom: StartFrom;
  /** What was acknowledged before is not in the topic that it reads. */
  readonly topicMadeMs: number;
  readonly askedMs: number;
  answeredMs: number;
  endedMs: number;
  readonly delivered: Set<string>;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * R: of what is deleted and made anew under its name. What was sent to the old topic never reaches the new one; a new subscription
 * starts where it says, whatever was read before; handles of a deleted group are refused.
 */
export class RemadeAuditor {
  readonly #violations: Violations;
  readonly #sends = new Map<string, Map<string, Send>>();
  readonly #madeMs = new Map<string, number>();
  #subscribed: Subscribed[] = [];

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  sendStarted(topic: string, body: string, nowMs: number): void {
    const sends = this.#sends.get(topic) ?? new Map<string, Send>();
    this.#sends.set(topic, sends.set(body, { startedMs: nowMs, ackedMs: NEVER }));
  }

  sendAcked(topic: string, body: string, nowMs: number): void {
    const send = this.#sends.get(topic)?.get(body);
    if (send) send.ackedMs = nowMs;
  }

  /** A topic was made, asked for at that time; not told of one that was there already. */
  topicMade(topic: string, askedMs: number): void {
    this.#madeMs.set(topic, askedMs);
  }

  subscribing(group: string, topic: string, startFrom: StartFrom, askedMs: number): { made(nowMs: number): void } {
    const topicMadeMs = this.#madeMs.get(topic) ?? 0;
    const delivered = new Set<string>();
    const one = { group, topic, startFrom, topicMadeMs, askedMs, answeredMs: NEVER, endedMs: NEVER, delivered };
    this.#subscribed.push(one);
    return {
      made: (nowMs) => {
        one.answeredMs = nowMs;
      },
    };
  }

  /** The subscriptions of this group, to this topic, are certainly gone. */
  ended({ group, topic }: { readonly group?: string; readonly topic?: string }, nowMs: number): void {
    for (const one of this.#subscribed)
      if (one.answeredMs < NEVER && (group ?? one.group) === one.group && (topic ?? one.topic) === one.topic)
        one.endedMs = Math.min(one.endedMs, nowMs);
  }

  delivered(group: string, topic: string, bodies: readonly string[], askedMs: number): void {
    const possible = this.#subscribed.filter(
      (one) => one.group === group && one.topic === topic && one.endedMs + KNOWN_MS >= askedMs,
    );
    if (bodies.length > 0 && possible.length === 0)
      this.#violations.add("R", `${bodies[0]} of ${topic} is delivered to ${group}, which does not read it any more`);
    for (const body of bodies) {
      const send = this.#sends.get(topic)?.get(body);
      if (!send) this.#violations.add("R", `${body} is delivered as of ${topic}, where nobody sent it`);
      else if (possible.length > 0 && !possible.some((one) => mayRead(one, send)))
        this.#violations.add("R", `${body} of ${topic} reaches ${group} anew, and was there before it`);
      for (const one of possible) one.delivered.add(body);
    }
  }

  /** A handle from before its group was deleted, used when everyone knows of that. */
  handleAccepted(group: string, body: string): void {
    this.#violations.add("R", `a handle of ${body} from before ${group} was deleted is accepted`);
  }

  /** A receive of a group that was never deleted was answered with an error. */
  receiveRefused(group: string, code: string): void {
    if (code.endsWith("NOT_FOUND")) this.#violations.add("R", `a receive of ${group}, which stays, is answered with ${code}`);
  }

  deadLetters(group: string, count: number): void {
    if (count > 0) this.#violations.add("R", `${group} was made anew, and has ${count} dead letters`);
  }

  /** Everyone received all there is: what a subscription that still is should have brought, it has. */
  finish(): void {
    for (const one of this.#subscribed) {
      if (one.answeredMs === NEVER || one.endedMs < NEVER) continue;
      for (const [body, send] of this.#sends.get(one.topic) ?? [])
        if (mustRead(one, send) && !one.delivered.has(body))
          this.#violations.add("R", `${body} of ${one.topic} never reached ${one.group}, which reads it from ${told(one)} on`);
    }
  }
}

const mayRead = ({ topicMadeMs, startFrom, askedMs }: Subscribed, { ackedMs }: Send): boolean =>
  ackedMs >= topicMadeMs && (startFrom === "earliest" || ackedMs >= askedMs);

const mustRead = ({ topicMadeMs, startFrom, answeredMs }: Subscribed, { startedMs, ackedMs }: Send): boolean =>
  ackedMs < NEVER &&
  (topicMadeMs === 0 || startedMs >= topicMadeMs + KNOWN_MS) &&
  (startFrom === "earliest" || startedMs >= answeredMs);

const told = ({ startFrom }: Subscribed): string => (typeof startFrom === "string" ? startFrom : "some time");
