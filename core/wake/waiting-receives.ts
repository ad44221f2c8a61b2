import type { Clock } from "../ports/clock.ts";

/** A consumer between two polls still counts for one span, and for two at most. */
const SPAN_MS = 15_000;

interface Waiting {
  now: number;
  /** The span of `most`. */
  span: number;
  most: number;
  mostBefore: number;
}

/**
 * How many receives of each group wait in this process at once: it shows consumers that poll and send no heartbeat. It uses memory only
 * for recently polled groups.
 */
export class WaitingReceives {
  readonly #clock: Clock;
  readonly #groups = new Map<string, Waiting>();
  #swept = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many groups are remembered. */
  get size(): number {
    return this.#groups.size;
  }

  /** A receive begins to wait. The answered function must be called when it ends. */
  begin(groupUid: string): () => void {
    this.#sweep();
    const waiting = this.#current(groupUid) ?? this.#add(groupUid);
    waiting.now++;
    waiting.most = Math.max(waiting.most, waiting.now);
    return () => {
      this.#current(groupUid);
      waiting.now--;
    };
  }

  /** The most receives that waited at once in about the last half minute. */
  mostAtOnce(groupUid: string): number {
    const waiting = this.#current(groupUid);
    return waiting ? Math.max(waiting.most, waiting.mostBefore) : 0;
  }

  #add(groupUid: string): Waiting {
    const waiting = { now: 0, span: this.#span(), most: 0, mostBefore: 0 };
    this.#groups.set(groupUid, waiting);
    return waiting;
  }

  #span = (): number => Math.floor(this.#clock.nowMs() / SPAN_MS);

  /** The counts of the current span. */
  #current(groupUid: string): Waiting | undefined {
    const waiting = this.#groups.get(groupUid);
    const span = this.#span();
    if (!waiting || waiting.span === span) return waiting;
    // The receives that wait now have waited throughout the spans between.
    waiting.mostBefore = span === waiting.span + 1 ? waiting.most : waiting.now;
    waiting.most = waiting.now;
    waiting.span = span;
    return waiting;
  }

  /** Once per span, forgets groups that nobody polls any more. */
  #sweep(): void {
    if (this.#swept === this.#span()) return;
    this.#swept = this.#span();
    for (const groupUid of this.#groups.keys()) {
      if (this.mostAtOnce(groupUid) === 0) this.#groups.delete(groupUid);
    }
  }
}
