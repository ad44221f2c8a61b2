import { retryPauseMs } from "../store/retry-pause.ts";
import type { ReadTimer } from "./route.ts";
import type { UnitsFlow } from "./shard-units.ts";
import { LANE_RETRY_MS } from "./timer-limits.ts";

/** Timers of one stream that are in memory, in their order. */
export interface Stream {
  readonly key: string;
  readonly shard: number;
  readonly lane: FiringLane;
  pending: ReadTimer[];
  /** Those in batches under way. */
  firing: number;
  /** Its timers are read again, for another lane or by whoever scans its shard: what comes back is not kept. */
  dropped: boolean;
}

/** What became of a batch. */
export interface Fired {
  /** Still due. */
  readonly left?: readonly ReadTimer[] | undefined;
  /** Their way has changed: the lane's timers are to be read again. */
  readonly reroute?: boolean | undefined;
}

/** How a lane fires, and what bounds its batches. */
export interface LaneKind {
  /** Batches under way at once; 1 where order is kept. */
  readonly atOnce: number;
  readonly timersPerBatch: number;
  /** While a batch is under way, fewer wait for others to go with them. Default 1. */
  readonly besideFrom?: number;
  /** How many of these may go together, in order: at least one. */
  readonly fitting: (timers: readonly ReadTimer[]) => number;
  readonly fire: (timers: readonly ReadTimer[]) => Promise<Fired>;
}

export interface Batch {
  readonly timers: readonly ReadTimer[];
  /** Of each timer. */
  readonly streams: readonly Stream[];
}

/** Timers of one stream that go into a batch before the next stream has its turn. */
const TURN = 16;

/**
 * Timers on their way to one destination: a queue, any queue of a topic, the producers of a group. A lane waits for timers, fires up to
 * `atOnce` batches, or pauses after a failure. Its streams have their turns; what a batch leaves goes back to the front of its
 * stream. After a failure batches are half as large, and grow again with each that succeeds.
 */
export class FiringLane {
  readonly key: string;
  readonly kind: LaneKind;
  /** Those with timers that wait; who had a turn goes to the end. */
  readonly #streams = new Map<string, Stream>();
  firing = 0;
  waiting = 0;
  pausedUntilMs = 0;
  readonly #flows = new Map<number, UnitsFlow>();
  /** Timers that wait, of each shard. */
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

  /** Its share of a shard's units. */
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
      // One whose first does not fit beside the others has the first turn of the next batch.
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
      // One that was dropped may have a successor by now.
      if (!stream.dropped) this.#streams.set(stream.key, stream);
      this.#count(stream, some.length);
    }
  }

  /** Takes all timers of the stream out that wait. */
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

  /** Answers until when it pauses. `fraction`: a random one, so that lanes that failed together do not return together. */
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
