import { METADATA_CACHE_MS } from "../../../core/limits.ts";
import { placeOf, type Shown } from "./seen.ts";
import type { Violations } from "./violations.ts";

const HOUR_MS = 3_600_000;
/** A raise does not count for what is stored within this time of it. */
const RAISE_MS = HOUR_MS;
/** A change that nobody was told of has happened by then, or never does: longer than several freezes, shorter than any leap. */
const UNTOLD_MS = 12 * HOUR_MS;

/** A change of the retention, as its requester saw it. */
interface Change {
  readonly hours: number;
  readonly fromMs: number;
  /** It took effect no later, if at all. */
  readonly toMs: number;
  /** Whether it certainly took effect. */
  readonly done: boolean;
}

/** Where a queue begins, by the answer to a pull. */
export interface Beginning {
  readonly queueId: number;
  readonly askedMs: number;
  readonly minOffset: number;
}

/**
 * I1: messages are there until they expire, and not shown any more afterwards. Knows every change of the topic's retention. A message
 * lives for the shortest retention that was in force at any time since an hour before it was stored: a lowered one counts at once, and
 * a raised one for what is stored from an hour after the raise.
 */
export class RetentionAuditor {
  readonly #violations: Violations;
  /** How far a reader's clock may be ahead or behind. */
  readonly #skewMs: number;
  /** A reader knows every setting that is older: its cache's age, by a clock that is set back. */
  readonly #knownMs: number;
  #changes: readonly Change[];
  readonly #begins = new Map<number, { readonly toldMs: number; readonly minOffset: number }[]>();

  constructor(violations: Violations, { hours, skewMs }: { readonly hours: number; readonly skewMs: number }) {
    this.#violations = violations;
    this.#skewMs = skewMs;
    this.#knownMs = METADATA_CACHE_MS + 2 * skewMs;
    this.#changes = [{ hours, fromMs: Number.NEGATIVE_INFINITY, toMs: Number.NEGATIVE_INFINITY, done: true }];
  }

  /** A change is requested. Without an answer, nobody knows whether it happened. */
  changeStarted(hours: number, fromMs: number): { answered(nowMs: number): void } {
    const untold: Change = { hours, fromMs, toMs: fromMs + UNTOLD_MS, done: false };
    this.#changes = [...this.#changes, untold];
    return {
      answered: (toMs) => {
        this.#changes = this.#changes.map((change) => (change === untold ? { hours, fromMs, toMs, done: true } : change));
      },
    };
  }

  /** Until when a message is kept, by all that may have happened by `nowMs`. `storedAtMs`: by the clock of whoever stored it. */
  keptUntilMs(storedAtMs: number, nowMs: number): number {
    const shortest = this.#shortest({ fromMs: storedAtMs - RAISE_MS - this.#skewMs, toMs: nowMs }, (hours) => Math.min(...hours));
    return storedAtMs + shortest * HOUR_MS;
  }

  /** Whether every reader must find it now. `sentMs`: the true time before it was stored. */
  mustBeReadable(sentMs: number, nowMs: number): boolean {
    return this.keptUntilMs(sentMs - this.#skewMs, nowMs) >= nowMs + this.#skewMs;
  }

  /** A request from `askedMs` on shows the message. */
  shown(message: Shown, askedMs: number): void {
    const { storedAtMs, body } = message;
    const known = { fromMs: storedAtMs - RAISE_MS + this.#skewMs, toMs: askedMs - this.#knownMs };
    const lateMs = askedMs - this.#skewMs - storedAtMs - this.#shortest(known, (hours) => Math.max(...hours)) * HOUR_MS;
    if (lateMs > 0)
      this.#violations.add(
        "I1",
        `${body} at ${placeOf(message)} is delivered after it expired, which was ${Math.round(lateMs)} ms before`,
      );
  }

  /**
   * A pull says where its queue begins: never before where one said that was answered when this one was not asked yet.
   */
  begins({ queueId, askedMs, minOffset }: Beginning, nowMs: number): void {
    const told = this.#begins.get(queueId) ?? [];
    // Readers differ by their clocks, and by what they know of the retention.
    const earlier = told.filter(({ toldMs }) => toldMs + this.#knownMs <= askedMs);
    const furthest = Math.max(...earlier.map((one) => one.minOffset));
    if (minOffset < furthest)
      this.#violations.add("I1", `queue ${queueId} begins at ${minOffset}, and began at ${furthest} before`);
    this.#begins.set(queueId, [...told, { toldMs: nowMs, minOffset }]);
  }

  /** The shortest retention at any time of a period, hours, where `of` chooses among those that may be in force at one moment. */
  #shortest(
    { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
    of: (hours: readonly number[]) => number,
  ): number {
    const moments = [fromMs, toMs, ...this.#changes.flatMap((change) => [change.fromMs, change.toMs])];
    const within = moments.filter((ms) => ms >= fromMs && ms <= toMs);
    return Math.min(...within.map((ms) => of(this.#possibleAt(ms))));
  }

  /** The retentions that may be in force then: those that no later change has certainly replaced. */
  #possibleAt(ms: number): readonly number[] {
    const replaced = (change: Change): boolean =>
      this.#changes.some((later) => later !== change && later.done && later.fromMs >= change.toMs && later.toMs <= ms);
    return this.#changes.filter((change) => change.fromMs <= ms && !replaced(change)).map(({ hours }) => hours);
  }
}
