import type { Clock } from "../ports/clock.ts";

/** A worker that is between two polls still counts for one span, and for no longer than two. */
const SPAN_MS = 15_000;

interface Waiting {
  now: number;
  /** Which span `most` is of. */
  span: number;
  most: number;
  mostBefore: number;
}

/**
 * How many receives of each group wait in this process at once: consumers that poll and send no heartbeat show here. Memory is that of
 * the groups that were polled lately.
 */
export class WaitingReceives {
  readonly #clock: Clock;
  readonly #groups = new Map<string, Waiting>();
  #swept = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Groups that are remembered. */
  get size(): number {
    return this.#groups.size;
  }

  /** A receive begins to wait; the function that it answers must be called when it ends. */
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

  /** The most that waited at once in about the last half minute. */
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

  /** In the span of now. */
  #current(groupUid: string): Waiting | undefined {
    const waiting = this.#groups.get(groupUid);
    const span = this.#span();
    if (!waiting || waiting.span === span) return waiting;
    // Those that wait now have waited all through the spans between.
    waiting.mostBefore = span === waiting.span + 1 ? waiting.most : waiting.now;
    waiting.most = waiting.now;
    waiting.span = span;
    return waiting;
  }

  /** Forgets groups that nobody polls any more, once a span. */
  #sweep(): void {
    if (this.#swept === this.#span()) return;
    this.#swept = this.#span();
    for (const groupUid of this.#groups.keys()) {
      if (this.mostAtOnce(groupUid) === 0) this.#groups.delete(groupUid);
    }
  }
}
