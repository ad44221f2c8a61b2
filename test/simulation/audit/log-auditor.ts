import { offsetOf, placeOf, type Seen, type Shown } from "./seen.ts";
import type { Violations } from "./violations.ts";

type SendState = "started" | "acked" | "refused" | "unknown";

interface Send {
  state: SendState;
  readonly startedMs: number;
  ackedMs?: number;
  place?: string;
}

/** A queue's live messages at the end. */
export interface QueueContents {
  readonly queueId: number;
  /** The first live offset. */
  readonly from: number;
  readonly messages: readonly Shown[];
}

/** A pull, and the offset at which its answer says to continue. */
export interface Pull {
  readonly queueId: number;
  readonly from: number;
  readonly askedMs: number;
  readonly next: number;
}

/** I1, I2, I3: a sent message is stored once, at one place for everyone and for ever. */
export class LogAuditor {
  readonly at = new Map<string, string>();
  readonly #violations: Violations;
  /** The queue from which redriven messages come. */
  readonly #redrivenQueue: number | undefined;
  readonly #sends = new Map<string, Send>();
  readonly #placeOf = new Map<string, string>();
  /** Offsets in the queue of redriven messages, by their bodies. */
  readonly redriven = new Map<string, Set<number>>();

  constructor(violations: Violations, redrivenQueue: number | undefined) {
    this.#violations = violations;
    this.#redrivenQueue = redrivenQueue;
  }

  get sent(): number {
    return this.#sends.size;
  }

  /** How many sends are unknown: nobody knows whether they are stored. */
  get unknown(): number {
    return [...this.#sends].filter(([body, { state }]) => state === "unknown" && !this.#placeOf.has(body)).length;
  }

  started(body: string, nowMs: number): void {
    this.#sends.set(body, { state: "started", startedMs: nowMs });
  }

  sentMs(body: string): number | undefined {
    return this.#sends.get(body)?.startedMs;
  }

  acked(seen: Seen, nowMs: number): void {
    this.#answered(seen.body, "acked", placeOf(seen));
    const send = this.#sends.get(seen.body);
    if (send) send.ackedMs = nowMs;
    this.see(seen);
  }

  /** The send was answered with an error that promises that nothing was stored. */
  refused(body: string): void {
    this.#answered(body, "refused");
    if (this.#placeOf.has(body)) this.#violations.add("I1", `${body} is stored although its send was answered as not stored`);
  }

  unanswered(body: string): void {
    this.#answered(body, "unknown");
  }

  #answered(body: string, state: SendState, place?: string): void {
    const send = this.#sends.get(body);
    if (!send) return;
    send.state = state;
    if (place !== undefined) send.place = place;
  }

  see(seen: Seen): void {
    const place = placeOf(seen);
    const known = this.at.get(place);
    if (known !== undefined && known !== seen.body) this.#violations.add("I3", `${place} holds ${seen.body} and held ${known}`);
    this.at.set(place, seen.body);
    if (seen.queueId === this.#redrivenQueue) {
      this.redriven.set(seen.body, new Set([...(this.redriven.get(seen.body) ?? []), seen.offset]));
      return;
    }
    const elsewhere = this.#placeOf.get(seen.body);
    if (elsewhere !== undefined && elsewhere !== place)
      this.#violations.add("I2", `${seen.body} is at ${place} and at ${elsewhere}`);
    const send = this.#sends.get(seen.body);
    if (!send) this.#violations.add("I3", `${place} holds ${seen.body}, which nobody sent`);
    if (send?.state === "refused")
      this.#violations.add("I1", `${seen.body} is stored although its send was answered as not stored`);
    this.#placeOf.set(seen.body, place);
  }

  /** Checks that offsets are consecutive from the requested one. `aging`: the first may have expired. */
  pulled({ queueId, from, askedMs, next }: Pull, messages: readonly Seen[], aging: boolean): void {
    let expected = aging ? (messages[0]?.offset ?? from) : from;
    if (expected < from) this.#violations.add("I2", `a pull of queue ${queueId} from ${from} on starts at ${expected}`);
    for (const message of messages) {
      if (message.offset !== expected)
        this.#violations.add("I2", `a pull of queue ${queueId} has ${message.offset} where ${expected} should follow`);
      expected = message.offset + 1;
      this.see(message);
    }
    if (messages.length > 0 && next !== expected)
      this.#violations.add("I2", `a pull of queue ${queueId} ends before ${expected}, and goes on at ${next}`);
    if (messages.length > 0 || aging) return;
    const body = this.at.get(placeOf({ queueId, offset: from })) ?? "";
    if ((this.#sends.get(body)?.ackedMs ?? askedMs) < askedMs)
      this.#violations.add(
        "I1",
        `a pull of queue ${queueId} from ${from} on finds nothing, where ${body} was acknowledged before`,
      );
  }

  /** Checks the whole log at the end. `expired`: what may be gone. `gaps`: unreadable messages are skipped. */
  finish(queues: readonly QueueContents[], expired: (seen: Seen) => boolean, gaps: boolean): void {
    for (const { queueId, from, messages } of queues) {
      let expected = from;
      for (const message of messages) {
        if (message.offset !== expected && !gaps)
          this.#violations.add("I2", `queue ${queueId} has ${message.offset} where ${expected} should follow`);
        expected = message.offset + 1;
        this.see(message);
      }
    }
    const stored = new Set(queues.flatMap(({ messages }) => messages.map(placeOf)));
    for (const [body, { state, place }] of this.#sends) {
      if (state !== "acked" || place === undefined || stored.has(place)) continue;
      if (!expired({ ...offsetOf(place), body }))
        this.#violations.add("I1", `${body} was acknowledged at ${place} and cannot be read`);
    }
  }
}
