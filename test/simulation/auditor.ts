import { Pauses } from "./pauses.ts";
import { Resets } from "./resets.ts";
import { isKeptFromGroup, mayBeKept, orderKeyOf } from "./scenario.ts";

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

/** A message in a group's dead-letter topic. */
export interface Death {
  /** The place it died at. */
  readonly place: string;
  readonly body: string;
}

/** How a message came to a consumer. All times are true ones, not any clock's. */
export interface Delivery {
  readonly attempt: number;
  /** The consumer believes to hold it until then. */
  readonly untilMs: number;
  /** When its receive was asked for, the first time. */
  readonly askedMs: number;
  readonly nowMs: number;
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
  readonly askedMs: number;
}

type SendState = "started" | "acked" | "refused" | "unknown";

/** Checks I1–I5 and I10 of one topic and one group. A violation starts with the invariant it breaks. */
export class Auditor {
  readonly violations: string[] = [];
  readonly resets = new Resets();
  readonly pauses = new Pauses();
  readonly #maxAttempts: number;
  /** Where redriven messages come from, which lie in a queue before. */
  readonly #redrivenQueue: number | undefined;
  readonly #sends = new Map<string, { state: SendState; place?: string }>();
  readonly #at = new Map<string, string>();
  readonly #placeOf = new Map<string, string>();
  readonly #beliefs = new Map<string, Belief>();
  readonly #ackTried = new Set<string>();
  /** Tries to settle that may have worked. */
  readonly #settleOpen = new Set<string>();
  /** Messages delivered while an earlier one of their order key was not settled, as far as anyone outside could know. */
  readonly #early: { readonly seen: Seen; readonly before: string }[] = [];
  /** When the settles were sent that were answered so. */
  readonly #acked = new Map<string, number>();
  readonly #deadLettered = new Map<string, number>();
  /** Offsets in the queue of redriven messages, by what they hold. */
  readonly #redriven = new Map<string, Set<number>>();
  delivered = 0;

  constructor(maxAttempts: number, redrivenQueue?: number) {
    this.#maxAttempts = maxAttempts;
    this.#redrivenQueue = redrivenQueue;
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

  /** A message reached a consumer. */
  deliver(consumer: string, seen: Seen, { attempt, untilMs, askedMs, nowMs }: Delivery): void {
    this.delivered++;
    this.#see(seen);
    const place = placeOf(seen);
    const over = (sinceMs: number | undefined) => sinceMs !== undefined && !this.resets.mayFollow(seen.queueId, sinceMs);
    if (attempt < 1 || attempt > this.#maxAttempts) this.#bad("I5", `${seen.body} is delivered for the ${attempt}th time`);
    if (over(this.#acked.get(place))) this.#bad("I4", `${seen.body} at ${place} is delivered after its ack was answered`);
    if (over(this.#deadLettered.get(place))) this.#bad("I5", `${seen.body} at ${place} is delivered after it was dead-lettered`);
    const belief = this.#beliefs.get(place);
    if (belief && belief.consumer !== consumer && nowMs < belief.untilMs && over(belief.askedMs)) {
      this.#bad("I4", `${seen.body} at ${place} is delivered to ${consumer} while ${belief.consumer} holds it`);
    }
    this.#beliefs.set(place, { consumer, untilMs, askedMs });
  }

  /** A receive was answered with messages. */
  receiveAnswered(askedMs: number): void {
    if (this.pauses.holdBack(askedMs)) this.#bad("I5", `a receive asked for at ${askedMs} found messages in a paused group`);
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
          if (before.has(place) || this.#settleOpen.has(place) || this.resets.maySkip({ queueId: seen.queueId, offset })) break;
          this.#early.push({ seen, before: place });
          break;
        }
      }
      before.add(placeOf(seen));
    }
  }

  /** The consumer no longer acts on the message. */
  release(consumer: string, seen: Seen): void {
    if (this.#beliefs.get(placeOf(seen))?.consumer === consumer) this.#beliefs.delete(placeOf(seen));
  }

  ackTried(seen: Seen): void {
    this.#ackTried.add(placeOf(seen));
    this.#settleOpen.add(placeOf(seen));
  }

  /** The only try was answered with LEASE_LOST: the message is not settled by it. After a reset earlier tries may count still. */
  settleRefused(seen: Seen): void {
    if (!this.#acked.has(placeOf(seen)) && this.resets.asked(seen.queueId) === 0) this.#settleOpen.delete(placeOf(seen));
  }

  /** A settle worked that was sent at `sentMs` with a handle that had come by `heldMs`. */
  settleAnswered(seen: Seen, heldMs: number, sentMs: number): void {
    if (this.resets.cameBetween(seen.queueId, heldMs, sentMs))
      this.#bad("I4", `${seen.body} at ${placeOf(seen)} was settled with a handle from before a reset`);
  }

  ackAnswered(seen: Seen, sentMs: number): void {
    const place = placeOf(seen);
    if (this.#deadLettered.has(place) && this.resets.asked(seen.queueId) === 0)
      this.#bad("I5", `${seen.body} at ${place} is dead-lettered, and yet acked`);
    this.#acked.set(place, sentMs);
    this.#settleOpen.add(place);
  }

  deadLetterAnswered(seen: Seen, sentMs: number): void {
    this.#deadLettered.set(placeOf(seen), sentMs);
  }

  /** All is calm, and a reset took the group to `after`: what lies there comes again, whatever became of it before. */
  restarted(queueId: number, after: number, nowMs: number): void {
    this.resets.ended(queueId, after, nowMs);
    for (const known of [this.#beliefs, this.#ackTried, this.#settleOpen, this.#acked, this.#deadLettered])
      for (const place of known.keys()) if (isBehind(place, queueId, after)) known.delete(place);
  }

  /** The whole log as it stands at the end, `from` its first live offset on; `deaths` are all there ever were. */
  finish(end: {
    readonly queues: readonly QueueContents[];
    readonly deaths: readonly Death[];
    /** Bodies of those that were not redriven. */
    readonly openDeadLetters: readonly string[];
    readonly progress: readonly QueueProgress[];
    readonly expired: (seen: Seen) => boolean;
  }): void {
    this.#checkLog(end.queues);
    const stored = new Set(end.queues.flatMap(({ messages }) => messages.map(placeOf)));
    const dead = new Map<string, number>();
    for (const { place } of end.deaths) dead.set(place, (dead.get(place) ?? 0) + 1);
    for (const [body, { state, place }] of this.#sends) {
      if (state !== "acked" || place === undefined || stored.has(place)) continue;
      const { queueId, offset } = offsetOf(place);
      if (!end.expired({ queueId, offset, body })) this.#bad("I1", `${body} was acknowledged at ${place} and cannot be read`);
    }
    for (const [place, copies] of dead) {
      const resets = this.resets.asked(offsetOf(place).queueId);
      if (copies > 1 + resets) this.#bad("I10", `${place} has ${copies} dead letters`);
      if (this.#acked.has(place) && resets === 0) this.#bad("I10", `${place} is dead-lettered, and acked`);
    }
    this.#checkRedriven(end.deaths, end.openDeadLetters);
    for (const { seen, before } of this.#early) {
      const { queueId, offset } = offsetOf(before);
      // Dead-lettered by its attempts, or expired: nobody outside is told.
      if (dead.has(before) || end.expired({ queueId, offset, body: "" })) continue;
      this.#bad("I6", `${seen.body} at ${placeOf(seen)} was delivered before ${before} of its order was settled`);
    }
    for (const [place, body] of this.#at) {
      const { queueId, offset } = offsetOf(place);
      if (isKeptFromGroup(body) || mayBeKept(body) || this.resets.maySkip({ queueId, offset })) continue;
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
    if (counted !== end.deaths.length) this.#bad("I10", `${counted} dead letters counted, ${end.deaths.length} stored`);
  }

  /** Every dead letter is still there, or was redriven once. */
  #checkRedriven(deaths: readonly Death[], open: readonly string[]): void {
    // Some died again, and no reply that told of them arrived.
    for (const { place, body } of deaths)
      if (offsetOf(place).queueId === this.#redrivenQueue) this.#see({ ...offsetOf(place), body });
    const left = new Map<string, number>();
    for (const { body } of deaths) left.set(body, (left.get(body) ?? 0) + 1);
    for (const body of open) left.set(body, (left.get(body) ?? 0) - 1);
    for (const [body, { size }] of this.#redriven) left.set(body, (left.get(body) ?? 0) - size);
    for (const [body, count] of left) {
      if (count > 0) this.#bad("I10", `${count} dead letters of ${body} are gone, and were not redriven`);
      if (count < 0) this.#bad("I10", `${body} was redriven ${-count} times too often`);
    }
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
    this.#at.set(place, seen.body);
    if (seen.queueId === this.#redrivenQueue) {
      this.#redriven.set(seen.body, new Set([...(this.#redriven.get(seen.body) ?? []), seen.offset]));
      return;
    }
    const elsewhere = this.#placeOf.get(seen.body);
    if (elsewhere !== undefined && elsewhere !== place) this.#bad("I2", `${seen.body} is at ${place} and at ${elsewhere}`);
    const send = this.#sends.get(seen.body);
    if (!send) this.#bad("I3", `${place} holds ${seen.body}, which nobody sent`);
    if (send?.state === "refused") this.#bad("I1", `${seen.body} is stored although its send was answered as not stored`);
    this.#placeOf.set(seen.body, place);
  }

  #bad(invariant: string, what: string): void {
    this.violations.push(`${invariant} ${what}`);
  }
}

export const placeOf = ({ queueId, offset }: Pick<Seen, "queueId" | "offset">): string => `${queueId}/${offset}`;

function offsetOf(place: string): Pick<Seen, "queueId" | "offset"> {
  const [queueId, offset] = place.split("/").map(Number) as [number, number];
  return { queueId, offset };
}

function isBehind(place: string, queueId: number, from: number): boolean {
  const at = offsetOf(place);
  return at.queueId === queueId && at.offset >= from;
}
