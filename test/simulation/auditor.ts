import { isKeptFromGroup, orderKeyOf } from "./scenario.ts";

/** What producers and consumers saw, told to the auditor as it happens, and what it finds wrong with it. Pure: no store, no clock. */

export interface Seen {
  readonly queueId: number;
  readonly offset: number;
  /** The text a producer sent: unique. */
  readonly body: string;
}

/** A queue's live messages at the end. */
export interface QueueContents {
  readonly queueId: number;
  /** The first live offset. */
  readonly from: number;
  readonly messages: readonly Seen[];
}

/** A group's progress on a queue at the end. */
export interface QueueProgress {
  readonly queueId: number;
  readonly next: number;
  /** The first live offset, and the end; equal where everything has expired. */
  readonly min: number;
  readonly max: number;
  readonly open: readonly number[];
  readonly deadLettered: number;
  readonly expired: number;
}

interface Belief {
  readonly consumer: string;
  readonly untilMs: number;
}

type SendState = "started" | "acked" | "refused" | "unknown";

/** Checks I1–I5 and I10 of one topic and one group. A violation starts with the invariant it breaks. */
export class Auditor {
  readonly violations: string[] = [];
  readonly #maxAttempts: number;
  readonly #sends = new Map<string, { state: SendState; place?: string }>();
  readonly #at = new Map<string, string>();
  readonly #placeOf = new Map<string, string>();
  readonly #beliefs = new Map<string, Belief>();
  readonly #ackTried = new Set<string>();
  /** Tries to settle that may have worked. */
  readonly #settleOpen = new Set<string>();
  /** Messages delivered while an earlier one of their order key was not settled, as far as anyone outside could know. */
  readonly #early: { readonly seen: Seen; readonly before: string }[] = [];
  readonly #acked = new Set<string>();
  readonly #deadLettered = new Set<string>();
  delivered = 0;

  constructor(maxAttempts: number) {
    this.#maxAttempts = maxAttempts;
  }

  get sent(): number {
    return this.#sends.size;
  }

  sendStarted(body: string): void {
    this.#sends.set(body, { state: "started" });
  }

  sendAcked(seen: Seen): void {
    this.#sends.set(seen.body, { state: "acked", place: placeOf(seen) });
    this.#see(seen);
  }

  /** Answered with an error that promises that nothing was stored. */
  sendRefused(body: string): void {
    this.#sends.set(body, { state: "refused" });
    if (this.#placeOf.has(body)) this.#bad("I1", `${body} is stored although its send was answered as not stored`);
  }

  sendUnknown(body: string): void {
    this.#sends.set(body, { state: "unknown" });
  }

  /** A message reached a consumer, who believes to hold it until `untilMs`. All times are true ones, not any clock's. */
  deliver(consumer: string, seen: Seen, attempt: number, untilMs: number, nowMs: number): void {
    this.delivered++;
    this.#see(seen);
    const place = placeOf(seen);
    if (attempt < 1 || attempt > this.#maxAttempts) this.#bad("I5", `${seen.body} is delivered for the ${attempt}th time`);
    if (this.#acked.has(place)) this.#bad("I4", `${seen.body} at ${place} is delivered after its ack was answered`);
    if (this.#deadLettered.has(place)) this.#bad("I5", `${seen.body} at ${place} is delivered after it was dead-lettered`);
    const belief = this.#beliefs.get(place);
    if (belief && belief.consumer !== consumer && nowMs < belief.untilMs) {
      this.#bad("I4", `${seen.body} at ${place} is delivered to ${consumer} while ${belief.consumer} holds it`);
    }
    this.#beliefs.set(place, { consumer, untilMs });
  }

  /** Messages of one answer, in its order. Within an order key everything before each must be settled, or come with it before it. */
  deliverTogether(answer: readonly Seen[]): void {
    const before = new Set<string>();
    for (const seen of answer) {
      if (isKeptFromGroup(seen.body)) this.#bad("I5", `${seen.body} is delivered though the filter keeps it from the group`);
      const key = orderKeyOf(seen.body);
      if (key !== undefined) {
        for (let offset = seen.offset - 1; offset >= 0; offset--) {
          const place = placeOf({ queueId: seen.queueId, offset });
          const body = this.#at.get(place);
          if (body === undefined || orderKeyOf(body) !== key) continue;
          if (!before.has(place) && !this.#settleOpen.has(place)) this.#early.push({ seen, before: place });
          break;
        }
      }
      before.add(placeOf(seen));
    }
  }

  /** The consumer no longer acts on the message, or only until `untilMs`. */
  release(consumer: string, seen: Seen, untilMs?: number): void {
    const place = placeOf(seen);
    if (this.#beliefs.get(place)?.consumer !== consumer) return;
    if (untilMs === undefined) this.#beliefs.delete(place);
    else this.#beliefs.set(place, { consumer, untilMs });
  }

  ackTried(seen: Seen): void {
    this.#ackTried.add(placeOf(seen));
    this.#settleOpen.add(placeOf(seen));
  }

  /** The only try was answered with LEASE_LOST: the message is not settled by it. */
  settleRefused(seen: Seen): void {
    if (!this.#acked.has(placeOf(seen))) this.#settleOpen.delete(placeOf(seen));
  }

  ackAnswered(seen: Seen): void {
    const place = placeOf(seen);
    if (this.#deadLettered.has(place)) this.#bad("I5", `${seen.body} at ${place} is dead-lettered, and yet acked`);
    this.#acked.add(place);
  }

  deadLetterAnswered(seen: Seen): void {
    this.#deadLettered.add(placeOf(seen));
  }

  /** The whole log as it stands at the end, `from` its first live offset on; `deadLetters` are the places of their originals. */
  finish(end: {
    readonly queues: readonly QueueContents[];
    readonly deadLetters: readonly string[];
    readonly progress: readonly QueueProgress[];
    readonly expired: (seen: Seen) => boolean;
  }): void {
    this.#checkLog(end.queues);
    const stored = new Set(end.queues.flatMap(({ messages }) => messages.map(placeOf)));
    const dead = new Map<string, number>();
    for (const place of end.deadLetters) dead.set(place, (dead.get(place) ?? 0) + 1);
    for (const [body, { state, place }] of this.#sends) {
      if (state !== "acked" || place === undefined || stored.has(place)) continue;
      const [queueId, offset] = place.split("/").map(Number) as [number, number];
      if (!end.expired({ queueId, offset, body })) this.#bad("I1", `${body} was acknowledged at ${place} and cannot be read`);
    }
    for (const [place, copies] of dead) {
      if (copies > 1) this.#bad("I10", `${place} has ${copies} dead letters`);
      if (this.#acked.has(place)) this.#bad("I10", `${place} is dead-lettered, and acked`);
    }
    for (const { seen, before } of this.#early) {
      const [queueId, offset] = before.split("/").map(Number) as [number, number];
      // Dead-lettered by its attempts, or expired: nobody outside is told.
      if (dead.has(before) || end.expired({ queueId, offset, body: "" })) continue;
      this.#bad("I6", `${seen.body} at ${placeOf(seen)} was delivered before ${before} of its order was settled`);
    }
    for (const [place, body] of this.#at) {
      if (isKeptFromGroup(body)) continue;
      const [queueId, offset] = place.split("/").map(Number) as [number, number];
      if (this.#ackTried.has(place) || dead.has(place) || end.expired({ queueId, offset, body })) continue;
      this.#bad("I5", `${body} at ${place} was never settled by anyone, and is gone from the group`);
    }
    for (const { queueId, next, min, max, open, expired } of end.progress) {
      if (open.length > 0) this.#bad("I5", `queue ${queueId} still has open offsets ${open.join(",")}`);
      if (next < max && min < max) this.#bad("I5", `queue ${queueId} stopped at ${next} of ${max}`);
      if (next > max) this.#bad("I10", `queue ${queueId} is at ${next}, beyond its end ${max}`);
      if (expired < 0) this.#bad("I10", `queue ${queueId} counts ${expired} expired messages`);
    }
    const counted = end.progress.reduce((sum, { deadLettered }) => sum + deadLettered, 0);
    if (counted !== end.deadLetters.length) this.#bad("I10", `${counted} dead letters counted, ${end.deadLetters.length} stored`);
  }

  #checkLog(queues: readonly QueueContents[]): void {
    for (const { queueId, from, messages } of queues) {
      let expected = from;
      for (const message of messages) {
        if (message.offset !== expected)
          this.#bad("I2", `queue ${queueId} has ${message.offset} where ${expected} should follow`);
        expected = message.offset + 1;
        this.#see(message);
      }
    }
  }

  /** One offset, one message, for everyone and for ever; one message, one offset. */
  #see(seen: Seen): void {
    const place = placeOf(seen);
    const known = this.#at.get(place);
    if (known !== undefined && known !== seen.body) this.#bad("I3", `${place} holds ${seen.body} and held ${known}`);
    const elsewhere = this.#placeOf.get(seen.body);
    if (elsewhere !== undefined && elsewhere !== place) this.#bad("I2", `${seen.body} is at ${place} and at ${elsewhere}`);
    const send = this.#sends.get(seen.body);
    if (!send) this.#bad("I3", `${place} holds ${seen.body}, which nobody sent`);
    if (send?.state === "refused") this.#bad("I1", `${seen.body} is stored although its send was answered as not stored`);
    this.#at.set(place, seen.body);
    this.#placeOf.set(seen.body, place);
  }

  #bad(invariant: string, what: string): void {
    this.violations.push(`${invariant} ${what}`);
  }
}

export const placeOf = ({ queueId, offset }: Pick<Seen, "queueId" | "offset">): string => `${queueId}/${offset}`;
