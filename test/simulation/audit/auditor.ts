import type { StoredMessage } from "../../../core/terms.ts";
import { runLengthCompressor } from "../run-length-compressor.ts";
import { isKeptFromGroup, mayBeKept, mayBeUnreadable, TOPIC } from "../scenario.ts";
import type { Written } from "./chain-memory.ts";
import { HoldingAuditor } from "./holding-auditor.ts";
import { LivenessAuditor, type Promptness } from "./liveness-auditor.ts";
import { LogAuditor, type Pull, type QueueContents } from "./log-auditor.ts";
import { type Lookable, LookupAuditor } from "./lookup-auditor.ts";
import { OrderAuditor } from "./order-auditor.ts";
import { Pauses } from "./pauses.ts";
import { RemadeAuditor } from "./remade-auditor.ts";
import { type KnownSend, type RepeatAnswer, RepeatAuditor } from "./repeat-auditor.ts";
import { Resets } from "./resets.ts";
import { type Beginning, RetentionAuditor } from "./retention-auditor.ts";
import { type Honest, RolledAuditor } from "./rolled-auditor.ts";
import { type Delivery, isBehind, offsetOf, placeOf, type Seen, type Shown } from "./seen.ts";
import { type Outcome, SettlingAuditor, type Try, type Verb } from "./settling-auditor.ts";
import { checkSum, type Known, type QueueProgress } from "./sum-auditor.ts";
import { type TimeAsked, TimeAuditor } from "./time-auditor.ts";
import { TurnAuditor } from "./turn-auditor.ts";
import { Violations } from "./violations.ts";

/** A message in a group's dead-letter topic. */
export interface Death {
  /** The place it died at. */
  readonly place: string;
  readonly body: string;
}

/** Everything that is stored at the end. */
export interface StoredState {
  readonly queues: readonly QueueContents[];
  /** All dead letters that there ever were. */
  readonly deaths: readonly Death[];
  /** Bodies of the dead letters that were not redriven. */
  readonly openDeadLetters: readonly string[];
  readonly progress: readonly QueueProgress[];
}

interface EndState extends StoredState {
  /** Whether it may have expired. */
  readonly expired: (seen: Pick<Seen, "queueId" | "offset">) => boolean;
}

export interface AuditorOptions {
  readonly maxAttempts: number;
  /** The queue from which redriven messages come. */
  readonly redrivenQueue?: number | undefined;
  /** Given if nothing fails: messages that can be received must then come in time. */
  readonly promptness?: Promptness | undefined;
  /** Given if nothing fails and order is kept: every message group must then get its turn. `skewMs`: as in promptness. */
  readonly turns?: { readonly skewMs: number } | undefined;
  /** The topic's retention at first, and how far a handler's clock may be ahead or behind. */
  readonly retention: { readonly hours: number; readonly skewMs: number };
  /** Given if queues are rolled: the stores as they are, and for how long a send with a key is known. */
  readonly rolled?: (Honest & { readonly knownMs: number; readonly flightMs: number }) | undefined;
  /** Every receive's answer arrives, so attempts can be counted. */
  readonly exactAttempts?: boolean;
  /** Another topic and group are deleted and made anew under their names. */
  readonly remade?: boolean;
  /** The history lasts for days, so dead letters expire too. */
  readonly aging?: boolean;
  /** Objects are lost or garbled, so messages in them may never come. */
  readonly damaged?: boolean;
}

/**
 * Told what producers and consumers of one topic and one group see, as it happens, and what is stored at the end. Passes it to auditors
 * that know one invariant each. Pure: no store, no clock.
 */
export class Auditor {
  readonly violations = new Violations();
  readonly resets = new Resets();
  readonly pauses = new Pauses();
  readonly retention: RetentionAuditor;
  readonly #options: AuditorOptions;
  readonly #log: LogAuditor;
  readonly #holding = new HoldingAuditor(this.violations);
  readonly #settling = new SettlingAuditor(this.violations);
  readonly #order = new OrderAuditor(this.violations);
  readonly liveness: LivenessAuditor | undefined;
  readonly turns: TurnAuditor | undefined;
  readonly remade: RemadeAuditor | undefined;
  readonly rolled: RolledAuditor | undefined;
  readonly repeats: RepeatAuditor | undefined;
  readonly lookups: LookupAuditor | undefined;
  readonly times: TimeAuditor;
  readonly knownSends: KnownSend[] = [];
  delivered = 0;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.retention = new RetentionAuditor(this.violations, options.retention);
    this.#log = new LogAuditor(this.violations, options.redrivenQueue);
    this.liveness = options.promptness && new LivenessAuditor(this.violations, options.promptness);
    this.turns = options.turns && new TurnAuditor(this.violations, options.turns.skewMs);
    this.remade = options.remade ? new RemadeAuditor(this.violations) : undefined;
    this.times = new TimeAuditor(this.violations);
    const { rolled, retention } = options;
    if (!rolled) return;
    const { skewMs } = retention;
    const keptUntilMs = (storedAtMs: number, nowMs: number): number => this.retention.keptUntilMs(storedAtMs, nowMs);
    this.rolled = new RolledAuditor(this.violations, rolled, { keptUntilMs, skewMs });
    this.lookups = new LookupAuditor(this.violations, runLengthCompressor);
    this.repeats = new RepeatAuditor(this.violations, rolled.knownMs, rolled.flightMs);
  }

  get sent(): number {
    return this.#log.sent;
  }

  sendStarted(body: string, nowMs: number): void {
    this.#log.started(body, nowMs);
    this.#order.sendStarted(body, nowMs);
    this.remade?.sendStarted(TOPIC, body, nowMs);
  }

  sendAcked(seen: Seen, nowMs: number): void {
    this.#log.acked(seen, nowMs);
    this.#order.sendAcked(seen, nowMs);
    this.remade?.sendAcked(TOPIC, seen.body, nowMs);
    if (isKeptFromGroup(seen.body)) return;
    this.liveness?.stored(seen, nowMs);
    this.turns?.stored(seen, nowMs);
  }

  sendRefused(body: string): void {
    this.#log.refused(body);
  }

  sendUnknown(body: string): void {
    this.#log.unanswered(body);
  }

  /** A read from an offset without a group. */
  pulled(pull: Pull, messages: readonly Shown[]): void {
    this.#log.pulled(pull, messages, this.#options.aging === true);
    for (const message of messages) this.#shown(message, pull.askedMs);
  }

  /** A pull was answered, and says where its queue begins. */
  begins(beginning: Beginning, nowMs: number): void {
    this.retention.begins(beginning, nowMs);
    const { queueId, minOffset } = beginning;
    for (const [place, body] of this.#log.at) {
      if (isBehind(place, queueId, minOffset) || offsetOf(place).queueId !== queueId || this.#mayHaveExpired(body, nowMs))
        continue;
      this.violations.add("I1", `queue ${queueId} begins at ${minOffset}, and ${body} at ${place} has not expired`);
    }
  }

  #shown(message: Shown, askedMs: number): void {
    this.retention.shown(message, askedMs);
    this.rolled?.shown(message);
  }

  /** The messages of a queue that must be found until then. */
  keptIn(queueId: number, untilMs: number): ReadonlyMap<number, Written> {
    return this.rolled?.kept(queueId, untilMs) ?? new Map();
  }

  /** What surely is stored by now, is kept until then, and has names. */
  lookable(queueIds: readonly number[], untilMs: number): readonly Lookable[] {
    return queueIds.flatMap((queueId) => this.lookups?.lookable(queueId, this.keptIn(queueId, untilMs)) ?? []);
  }

  /** A lookup of a key was answered: of what was there before it, what is kept still must be found. */
  keyAnswered(key: string, found: readonly StoredMessage[], before: readonly Lookable[], nowMs: number): void {
    this.lookups?.keyAnswered(key, found, this.#stillKept(before, nowMs));
  }

  /** The same of an id; `undefined`: it was not found. */
  idAnswered(messageId: string, found: StoredMessage | undefined, before: readonly Lookable[], nowMs: number): void {
    this.lookups?.idAnswered(messageId, found, this.#stillKept(before, nowMs));
  }

  /** The retention may have been lowered meanwhile. */
  #stillKept(before: readonly Lookable[], nowMs: number): readonly Lookable[] {
    const kept = new Map([...new Set(before.map(({ queueId }) => queueId))].map((id) => [id, this.keptIn(id, nowMs)]));
    return before.filter(({ queueId, offset }) => kept.get(queueId)?.has(offset));
  }

  timeAnswered(asked: TimeAsked, before: ReadonlyMap<number, Written>, nowMs: number): void {
    if (!this.rolled) return;
    const kept = this.keptIn(asked.queueId, nowMs);
    const still = new Map([...before].filter(([offset]) => kept.has(offset)));
    this.times.answered(asked, still, this.rolled.written(asked.queueId));
  }

  repeated(send: KnownSend, answer: RepeatAnswer, nowMs: number): void {
    this.repeats?.repeated(send, answer, { kept: this.keptIn(send.queueId, nowMs).has(send.offset), nowMs });
  }

  /** A pull asks only for offsets that exist or come next, so it must not be refused. */
  pullRefused(queueId: number, from: number): void {
    if (!this.#options.aging) this.violations.add("I1", `a pull of queue ${queueId} is told that ${from} is no offset of it`);
  }

  /** Messages of one answer, in its order. */
  deliver(answer: readonly { readonly seen: Shown; readonly delivery: Delivery }[]): void {
    const seens = answer.map(({ seen }) => seen);
    const held = answer.filter(({ seen, delivery }) => delivery.nowMs < delivery.untilMs && !this.resets.asked(seen.queueId));
    this.#holding.together(held.map(({ seen }) => seen));
    this.#order.together(
      seens,
      this.#log.at,
      (place) => this.#settling.maySettled(place) || this.resets.maySkip(offsetOf(place)),
    );
    for (const { seen, delivery } of answer) this.#deliver(seen, delivery);
  }

  #deliver(seen: Shown, delivery: Delivery): void {
    this.delivered++;
    this.#log.see(seen);
    const { attempt, askedMs, nowMs } = delivery;
    this.#shown(seen, askedMs);
    if (isKeptFromGroup(seen.body))
      this.violations.add("I5", `${seen.body} is delivered though the filter keeps it from the group`);
    if (attempt < 1 || attempt > this.#options.maxAttempts)
      this.violations.add("I5", `${seen.body} is delivered for the ${attempt}th time`);
    const counted = this.#settling.attempts(seen);
    if (this.#options.exactAttempts && attempt > counted + 1)
      this.violations.add("I5", `${seen.body} came ${counted} times before, and this is said to be attempt ${attempt}`);
    if (this.pauses.holdBack(askedMs))
      this.violations.add("I5", `a receive asked for at ${askedMs} found messages in a paused group`);
    const mayFollow = (ms: number): boolean => this.resets.mayFollow(seen.queueId, ms);
    const late = delivery.untilMs <= nowMs;
    this.#settling.delivered(seen, delivery, mayFollow);
    if (late) return;
    this.#holding.deliver(seen, delivery, mayFollow);
    // A request under way, perhaps by the same handle, may end this delivery.
    if (this.#settling.mayStillEnd(placeOf(seen), delivery.leaseUntilMs)) this.#holding.release(delivery.consumer, seen);
    this.liveness?.delivered(seen, delivery.untilMs, nowMs);
    this.turns?.delivered(seen, delivery.untilMs, nowMs);
  }

  /** An answer to a request for at most `bytesMax` of bodies. */
  answered(bytes: readonly number[], bytesMax: number): void {
    const sum = bytes.reduce((total, one) => total + one, 0);
    if (bytes.length > 1 && sum > bytesMax)
      this.violations.add("I5", `an answer holds ${sum} bytes of bodies, where ${bytesMax} were asked for`);
  }

  /** The consumer no longer acts on the message. */
  release(consumer: string, seen: Seen): void {
    this.#holding.release(consumer, seen);
  }

  /** The consumer asks that its lease end then, or thereabouts. */
  shortened(consumer: string, seen: Seen, untilMs: number): void {
    this.#holding.shorten(consumer, seen, untilMs);
  }

  extended(consumer: string, seen: Seen, untilMs: number, nowMs: number): void {
    this.#holding.extend(consumer, seen, untilMs, nowMs);
    if (!this.#holding.holds(consumer, seen, nowMs)) return;
    this.liveness?.delivered(seen, untilMs, nowMs);
    this.turns?.delivered(seen, untilMs, nowMs);
  }

  holds(consumer: string, seen: Seen, nowMs: number): boolean {
    return this.#holding.holds(consumer, seen, nowMs);
  }

  heldAt(nowMs: number): number {
    return this.#holding.heldAt(nowMs);
  }

  settleStarted(seen: Seen, verb: Verb, times: Pick<Try, "heldMs" | "sentMs" | "leaseUntilMs">): Try {
    if (verb !== "extend") this.liveness?.gone(seen);
    if (verb !== "extend") this.turns?.unsure(seen);
    return this.#settling.started(seen, verb, times);
  }

  settleEnded(seen: Seen, settle: Try, outcome: Outcome, nowMs: number): void {
    this.#settling.ended(seen, settle, outcome, nowMs);
    if (outcome === "done" && (settle.verb === "ack" || settle.verb === "deadLetter")) this.turns?.ended(seen, nowMs);
    if (outcome === "done" && this.resets.cameBetween(seen.queueId, settle.heldMs, settle.sentMs))
      this.violations.add("I4", `${seen.body} at ${placeOf(seen)} was settled with a handle from before a reset`);
  }

  /** A holder with a running lease, who did nothing else with the message, was told that it does not hold it. */
  holderRefused(consumer: string, seen: Seen): void {
    if (this.resets.asked(seen.queueId) > 0) return;
    this.violations.add("I4", `${seen.body} at ${placeOf(seen)} is held by ${consumer}, whose settle is refused`);
  }

  /** An extend was answered as done, but the lease ends sooner than requested. */
  extendedInVain(consumer: string, seen: Seen): void {
    this.violations.add("I4", `${seen.body} at ${placeOf(seen)} is extended for ${consumer}, and its lease is as it was`);
  }

  /** An answer that only a damaged store explains. */
  corrupt(what: string): void {
    if (!this.#options.damaged) this.violations.add("I1", `stored data cannot be read: ${what}`);
    else this.violations.add("L", `what cannot be read stops others: ${what}`);
  }

  /** All is calm, and a reset moved the group to `after`: the messages from there on come again, whatever happened to them before. */
  restarted(queueId: number, after: number, nowMs: number): void {
    this.resets.ended(queueId, after, nowMs);
    const behind = (place: string): boolean => isBehind(place, queueId, after);
    this.#holding.forget(behind);
    this.#settling.forget(behind);
  }

  /** What is stored was read from `askedMs` to `nowMs`. */
  finish(stored: StoredState, askedMs: number, nowMs: number): void {
    const expired = (seen: Pick<Seen, "queueId" | "offset">): boolean =>
      this.#mayHaveExpired(this.#log.at.get(placeOf(seen)) ?? "", nowMs);
    const end: EndState = { ...stored, expired };
    for (const { messages } of end.queues) for (const message of messages) this.#shown(message, askedMs);
    const lost = (seen: Seen): boolean => this.#mayBeLost(seen);
    this.#log.finish(end.queues, (seen) => end.expired(seen) || lost(seen), this.#options.damaged === true);
    const dead = this.#checkDeaths(end);
    this.#order.finish((place) => dead.has(place) || end.expired(offsetOf(place)));
    for (const [place, body] of this.#log.at) {
      const { queueId, offset } = offsetOf(place);
      const seen = { queueId, offset, body };
      if (isKeptFromGroup(body) || mayBeKept(body) || this.resets.maySkip(seen)) continue;
      if (this.#settling.maySettled(place) || dead.has(place) || end.expired(seen) || lost(seen)) continue;
      this.violations.add("I5", `${body} at ${place} was never settled by anyone, and is gone from the group`);
    }
    for (const progress of end.progress) this.#checkProgress(progress, end);
    this.remade?.finish();
  }

  #mayHaveExpired(body: string, nowMs: number): boolean {
    const sentMs = this.#log.sentMs(body);
    return sentMs !== undefined && !this.retention.mustBeReadable(sentMs, nowMs);
  }

  #mayBeLost({ body }: Seen): boolean {
    return this.#options.damaged === true && mayBeUnreadable(body);
  }

  #checkProgress(progress: QueueProgress, end: EndState): void {
    const { main, queueId, next, min, max, open, unreadable } = progress;
    const stuck = open.filter(
      (offset) => !this.#mayBeLost({ queueId, offset, body: this.#log.at.get(placeOf({ queueId, offset })) ?? "" }),
    );
    if (stuck.length > 0) this.violations.add("I5", `queue ${queueId} still has open offsets ${stuck.join(",")}`);
    if (next < max && min < max) this.violations.add("I5", `queue ${queueId} stopped at ${next} of ${max}`);
    if (unreadable > 0 && !this.#options.damaged)
      this.violations.add("I1", `${unreadable} messages of queue ${queueId} cannot be read`);
    const bodies = [...this.#log.at].filter(([place]) => offsetOf(place).queueId === queueId);
    const inexact =
      queueId === this.#options.redrivenQueue ||
      this.resets.asked(queueId) > 0 ||
      bodies.some(([, body]) => mayBeKept(body)) ||
      this.#options.damaged === true;
    checkSum(this.violations, progress, this.#known(bodies, end), inexact || !main);
  }

  #known(messages: readonly (readonly [place: string, body: string])[], end: EndState): Known {
    const wanted = messages.filter(([, body]) => !isKeptFromGroup(body)).map(([place]) => place);
    const gone = wanted.filter((place) => end.expired(offsetOf(place)));
    return {
      surelyAcked: wanted.filter((place) => this.#settling.surelyAcked(place)).length,
      mayBeAcked: wanted.filter((place) => this.#settling.mayBeAcked(place)).length,
      // Messages that expired unseen may have been skipped before the group read them.
      least: wanted.length - gone.length,
      most: wanted.length + this.#log.unknown,
    };
  }

  /** Answers the places where messages died. */
  #checkDeaths({ deaths, openDeadLetters, progress }: EndState): ReadonlySet<string> {
    const dead = new Map<string, number>();
    for (const { place } of deaths) dead.set(place, (dead.get(place) ?? 0) + 1);
    for (const [place, copies] of dead) {
      const resets = this.resets.asked(offsetOf(place).queueId);
      if (copies > 1 + resets) this.violations.add("I10", `${place} has ${copies} dead letters`);
      if (this.#settling.surelyAcked(place) && resets === 0) this.violations.add("I10", `${place} is dead-lettered, and acked`);
    }
    const counted = progress.reduce((sum, { deadLettered }) => sum + deadLettered, 0);
    const mayBeGone = this.#options.aging === true || this.#options.damaged === true;
    if (mayBeGone ? counted < deaths.length : counted !== deaths.length)
      this.violations.add("I10", `${counted} dead letters counted, ${deaths.length} stored`);
    this.#checkRedriven(deaths, openDeadLetters);
    return new Set(dead.keys());
  }

  /** Every dead letter is still there, or was redriven once. */
  #checkRedriven(deaths: readonly Death[], openDeadLetters: readonly string[]): void {
    if (this.#options.redrivenQueue === undefined) return;
    // Some messages died again without any reply that showed them.
    for (const { place, body } of deaths)
      if (offsetOf(place).queueId === this.#options.redrivenQueue) this.#log.see({ ...offsetOf(place), body });
    const left = new Map<string, number>();
    const count = (body: string, by: number) => left.set(body, (left.get(body) ?? 0) + by);
    for (const { body } of deaths) count(body, 1);
    for (const body of openDeadLetters) count(body, -1);
    for (const [body, { size }] of this.#log.redriven) count(body, -size);
    for (const [body, missing] of left) {
      if (missing > 0) this.violations.add("I10", `${missing} dead letters of ${body} are gone, and were not redriven`);
      if (missing < 0) this.violations.add("I10", `${body} was redriven ${-missing} times too often`);
    }
  }
}
