import { retryPauseMs } from "../store/retry-pause.ts";
import type { ReadTimer } from "./route.ts";
import type { UnitsFlow } from "./shard-units.ts";
import { LANE_RETRY_MS } from "./timer-limits.ts";

/** The timers of one stream that are in memory, in order. */
export interface Stream {
  readonly key: string;
  readonly shard: number;
  readonly lane: FiringLane;
  pending: ReadTimer[];
  /** Timers in batches that are under way. */
  firing: number;
  /** Its timers are read again, for another lane or by another scanner of its shard. Timers that return from a batch are not kept. */
  dropped: boolean;
}

/** The outcome of a batch. */
export interface Fired {
  /** Timers that are still due. */
  readonly left?: readonly ReadTimer[] | undefined;
  /** The timers belong to another lane now: all timers of this lane must be read again. */
  readonly reroute?: boolean | undefined;
}

/** How a lane fires, and the limits of its batches. */
export interface LaneKind {
  /** Batches under way at once; 1 where order is kept. */
  readonly atOnce: number;
  readonly timersPerBatch: number;
  /** While a batch is under way, the next one waits for at least so many timers. Default 1. */
  readonly besideFrom?: number;
  /** How many of the first timers may go together: at least one. */
  readonly fitting: (timers: readonly ReadTimer[]) => number;
  readonly fire: (timers: readonly ReadTimer[]) => Promise<Fired>;
}

export interface Batch {
  readonly timers: readonly ReadTimer[];
  /** The stream of each timer. */
  readonly streams: readonly Stream[];
}

/** How many timers of one stream go into a batch before the next stream's turn. */
const TURN = 16;

/**
 * The timers that lead to one place: a queue, any queue of a topic, the producers of a group. A lane waits for timers, fires up to
 * `atOnce` batches, or pauses after a failure. Its streams take turns. Timers that a batch leaves return to the front of their stream.
 * After a failure batches are half as large. They grow again with each success.
 */
export class FiringLane {
  readonly key: string;
  readonly kind: LaneKind;
  /** The streams with waiting timers. After its turn, a stream goes to the end. */
  readonly #streams = new Map<string, Stream>();
  firing = 0;
  waiting = 0;
  pausedUntilMs = 0;
  readonly #flows = new Map<number, UnitsFlow>();
  /** The number of waiting timers of each shard. */
  readonly #waitingOf = new Map<number, number>();
  #batchMost: number;
  #failures = 0;

  constructor(key: string, kind: LaneKind) {
    this.key = key;
    this.kind = kind;
    this.#batchMost = kind.timersPerBatch;
  }

  get streams(): readonly Stream[] {
    return [...this.#streams.values()];
  }

  /** The lane's flow of a shard's units. */
  flowOf(shard: number): UnitsFlow {
    const known = this.#flows.get(shard) ?? { next: 0 };
    this.#flows.set(shard, known);
    return known;
  }

  waitingOf(shard: number): number {
    return this.#waitingOf.get(shard) ?? 0;
  }

  push(stream: Stream, timer: ReadTimer): void {
    this.#streams.set(stream.key, stream);
    stream.pending.push(timer);
    this.#count(stream, 1);
  }

  isReady(nowMs: number): boolean {
    const { atOnce, besideFrom = 1 } = this.kind;
    const least = this.firing === 0 ? 1 : Math.min(besideFrom, this.#batchMost);
    return this.waiting >= least && this.firing < atOnce && this.pausedUntilMs <= nowMs;
  }

  take(): Batch {
    const timers: ReadTimer[] = [];
    const streams: Stream[] = [];
    const turn = this.#streams.size > 1 ? TURN : this.#batchMost;
    for (const stream of [...this.#streams.values()]) {
      const candidates = stream.pending.slice(0, Math.min(turn, this.#batchMost - timers.length));
      const count = Math.max(this.kind.fitting([...timers, ...candidates]), timers.length === 0 ? 1 : 0) - timers.length;
      // A stream whose first timer does not fit any more has the first turn of the next batch.
      if (count <= 0) break;
      for (const timer of stream.pending.splice(0, count)) {
        timers.push(timer);
        streams.push(stream);
        stream.firing++;
      }
      this.#count(stream, -count);
      this.#streams.delete(stream.key);
      if (stream.pending.length > 0) this.#streams.set(stream.key, stream);
      if (count < candidates.length || timers.length >= this.#batchMost) break;
    }
    this.firing++;
    return { timers, streams };
  }

  /** The batch is over; `left` goes back to the front of its streams. */
  over({ timers, streams }: Batch, left: ReadonlySet<ReadTimer>): void {
    this.firing--;
    const back = new Map<Stream, ReadTimer[]>();
    for (const [at, timer] of timers.entries()) {
      const stream = streams[at] as Stream;
      stream.firing--;
      if (left.has(timer)) back.set(stream, [...(back.get(stream) ?? []), timer]);
    }
    for (const [stream, some] of back) {
      stream.pending = [...some, ...stream.pending];
      // A dropped stream may have a successor under its key by now.
      if (!stream.dropped) this.#streams.set(stream.key, stream);
      this.#count(stream, some.length);
    }
  }

  /** Removes the stream's waiting timers. */
  remove(stream: Stream): readonly ReadTimer[] {
    const removed = stream.pending;
    stream.pending = [];
    if (this.#streams.get(stream.key) === stream) this.#streams.delete(stream.key);
    this.#count(stream, -removed.length);
    return removed;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#batchMost = Math.min(this.kind.timersPerBatch, Math.ceil(this.#batchMost * 1.25) + 1);
  }

  /** Answers until when the lane pauses. `fraction` is random, so that lanes that failed together do not return together. */
  failed(nowMs: number, count: number, fraction: number): number {
    this.#batchMost = Math.max(1, Math.floor(count / 2));
    const pauseMs = retryPauseMs(LANE_RETRY_MS, this.#failures++, fraction);
    this.pausedUntilMs = nowMs + pauseMs;
    return this.pausedUntilMs;
  }

  #count({ shard }: Stream, by: number): void {
    this.waiting += by;
    this.#waitingOf.set(shard, this.waitingOf(shard) + by);
  }
}
