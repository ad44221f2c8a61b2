import { METADATA_CACHE_MS } from "../../../core/limits.ts";
import type { StartFrom } from "../../../core/terms.ts";
import type { Violations } from "./violations.ts";

/** How much longer a clock that is set back keeps a cache entry. */
const CLOCK_STEP_MS_MAX = 2_000;
/** After this time every handler surely knows of a change. */
export const KNOWN_MS = METADATA_CACHE_MS + CLOCK_STEP_MS_MAX + 1_000;

interface Send {
  readonly startedMs: number;
  ackedMs: number;
}

/** One subscription, as its creator knows it. If the request was never answered, its end is unknown too. */
interface Subscribed {
  readonly group: string;
  readonly topic: string;
  readonly startFrom: StartFrom;
  /** Messages acknowledged before this time are not in the topic that it reads. */
  readonly topicMadeMs: number;
  readonly askedMs: number;
  answeredMs: number;
  endedMs: number;
  readonly delivered: Set<string>;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * R: topics and groups that are deleted and made anew under their names. Messages of the old topic never reach the new one. A new
 * subscription starts where it says, whatever was read before. Handles of a deleted group are refused.
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

  /** A topic was made by a request at that time. Not told if the topic existed. */
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

  /** This group's subscriptions to this topic are certainly gone. */
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

  /** A handle from before its group was deleted was accepted, although everyone knows of the deletion. */
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

  /** All messages were received. Checks that every existing subscription got what it should. */
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
