import { type Delivery, placeOf, type Seen } from "./seen.ts";
import type { Violations } from "./violations.ts";

export type Verb = "ack" | "nack" | "uncountedNack" | "deadLetter" | "extend" | "shorten";

/** The outcome of a request to settle, as its sender can know it. `maybe`: it may have worked, or may still. */
export type Outcome = "done" | "refused" | "maybe";

/** One request to settle one message, from its start to its answer. */
export interface Try {
  readonly verb: Verb;
  readonly heldMs: number;
  readonly sentMs: number;
  /** The end of the lease of the delivery that its handle names. */
  readonly leaseUntilMs: number;
  outcome: Outcome;
}

interface Ending {
  deliveries: number;
  readonly tries: Try[];
  /** The first ack that was answered. */
  acked: { readonly sentMs: number; readonly leaseUntilMs: number; readonly endedMs: number } | undefined;
  /** Whether nothing else can have ended the message. */
  sureAck: boolean;
  deadSentMs: number | undefined;
}

/** I5 and I10 for one group, from the requests and answers of its consumers: each message ends once, and stays ended. */
export class SettlingAuditor {
  readonly #violations: Violations;
  readonly #endings = new Map<string, Ending>();

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  started(seen: Seen, verb: Verb, times: Pick<Try, "heldMs" | "sentMs" | "leaseUntilMs">): Try {
    const settle: Try = { verb, ...times, outcome: "maybe" };
    this.#of(placeOf(seen)).tries.push(settle);
    return settle;
  }

  ended(seen: Seen, settle: Try, outcome: Outcome, nowMs: number): void {
    settle.outcome = outcome;
    if (outcome !== "done") return;
    const ending = this.#of(placeOf(seen));
    if (settle.verb === "ack") {
      ending.acked ??= { sentMs: settle.sentMs, leaseUntilMs: settle.leaseUntilMs, endedMs: nowMs };
      ending.sureAck ||= !ending.tries.some((other) => mayKill(other, settle));
    }
    if (settle.verb === "deadLetter") ending.deadSentMs ??= settle.sentMs;
  }

  /** An answer that came after its lease does not show the present state. */
  delivered(seen: Seen, delivery: Delivery, mayFollow: (ms: number) => boolean): void {
    const place = placeOf(seen);
    const ending = this.#of(place);
    ending.deliveries++;
    if (delivery.untilMs <= delivery.nowMs) return;
    const { acked, deadSentMs } = ending;
    // A consumer that acks while its own request is repeated may get once more what it holds.
    const repeated = acked?.leaseUntilMs === delivery.leaseUntilMs && acked.endedMs >= delivery.askedMs;
    // A receive may take messages before a reset and answer after it, with void handles.
    const overtaken = mayFollow(delivery.askedMs);
    if (acked && !repeated && !overtaken && !mayFollow(acked.sentMs))
      this.#violations.add("I4", `${seen.body} at ${place} is delivered after its ack was answered`);
    if (deadSentMs !== undefined && !mayFollow(deadSentMs))
      this.#violations.add("I5", `${seen.body} at ${place} is delivered after it was dead-lettered`);
  }

  /** The most deliveries so far: those given back uncounted do not count. */
  attempts(seen: Seen): number {
    const { deliveries, tries } = this.#of(placeOf(seen));
    return deliveries - tries.filter(({ verb, outcome }) => verb === "uncountedNack" && outcome === "done").length;
  }

  /** Whether a request that ends this delivery may be under way, or was while its holder asked again. */
  mayStillEnd(place: string, leaseUntilMs: number): boolean {
    const ends = ({ verb, outcome, leaseUntilMs: untilMs }: Try): boolean =>
      verb !== "extend" && (outcome === "maybe" || (outcome === "done" && untilMs === leaseUntilMs));
    return this.#endings.get(place)?.tries.some(ends) ?? false;
  }

  /** Whether the message may be settled, as far as anyone outside can know. */
  maySettled(place: string): boolean {
    return this.#endings.get(place)?.tries.some((settle) => ends(settle) && settle.outcome !== "refused") ?? false;
  }

  /** An ack that was answered, and that nothing else can explain. */
  surelyAcked(place: string): boolean {
    return this.#endings.get(place)?.sureAck ?? false;
  }

  mayBeAcked(place: string): boolean {
    return this.#endings.get(place)?.tries.some(({ verb, outcome }) => verb === "ack" && outcome !== "refused") ?? false;
  }

  forget(voided: (place: string) => boolean): void {
    for (const place of this.#endings.keys()) if (voided(place)) this.#endings.delete(place);
  }

  #of(place: string): Ending {
    const known = this.#endings.get(place);
    if (known) return known;
    const made: Ending = { deliveries: 0, tries: [], acked: undefined, sureAck: false, deadSentMs: undefined };
    this.#endings.set(place, made);
    return made;
  }
}

/** Whether a nack (perhaps of the last attempt) or a dead-lettering of this or a later delivery may have ended the message. */
const mayKill = ({ verb, outcome, heldMs, leaseUntilMs }: Try, ack: Try): boolean =>
  (verb === "nack" || verb === "uncountedNack" || verb === "deadLetter") &&
  (outcome === "maybe" || (outcome === "done" && (heldMs >= ack.heldMs || leaseUntilMs === ack.leaseUntilMs)));
const ends = ({ verb }: Try): boolean => verb === "ack" || verb === "deadLetter";
