import { SCAN_BYTES } from "../limits.ts";
import { nextBase } from "../log/block.ts";
import type { Queue } from "../log/queue.ts";
import type { QueueReader } from "../log/queue-reader.ts";
import type { Run } from "../log/run-walk.ts";
import type { Slice } from "../log/slices.ts";
import type { Spent, Window } from "./candidates.ts";
import { newestFirst, type Position, UNKNOWN_TIME_MS } from "./position.ts";
import { EMPTY_STRIDE_MESSAGES_MAX, STRIDE_MESSAGES_MAX, STRIDE_MESSAGES_MIN } from "./query-limits.ts";
import { runsBetween, slicesOfRun, sliceWeight } from "./runs-between.ts";

/** The offsets of a run's messages that may be what is searched for, those of unreadable ones included. Errors: `StoreUnavailable`. */
export type Sift = (run: Run, queue: Queue) => Promise<readonly number[]>;

/** What one read of a queue brought. */
export interface Stride {
  readonly runs: readonly Run[];
  readonly slices: readonly Slice[];
  /** Bytes in memory once it is unpacked. */
  readonly weight: number;
}

/**
 * Walks a queue from the end of a window to its beginning, in strides: each is read forwards, and its messages are then told newest
 * first. Along a queue store times never fall.
 */
export class QueueWalk {
  readonly #queue: Queue;
  readonly #reader: QueueReader;
  readonly #strideBytes: number;
  readonly #low: number;
  /** What is at or behind it was looked at. */
  #high: number;
  #next = STRIDE_MESSAGES_MIN;
  /** Not told yet. */
  readonly #found: Position[] = [];
  #reached: Position | undefined;
  #spanMs = 0;

  private constructor(reader: QueueReader, queue: Queue, strideBytes: number, range: readonly [low: number, high: number]) {
    this.#reader = reader;
    this.#queue = queue;
    this.#strideBytes = Math.min(SCAN_BYTES, strideBytes);
    [this.#low, this.#high] = range;
  }

  /** `strideBytes`: about the most that a stride may unpack. */
  static async open(reader: QueueReader, queue: Queue, window: Window, strideBytes: number): Promise<QueueWalk> {
    // Most queues of a large topic may be empty, which one query tells.
    const tail = await reader.tail(queue);
    if (!tail) return new QueueWalk(reader, queue, strideBytes, [0, 0]);
    const range = [startOf(reader, queue, window), endOf(reader, queue, window) ?? nextBase(tail)] as const;
    return new QueueWalk(reader, queue, strideBytes, await Promise.all(range));
  }

  get isOver(): boolean {
    return this.#high <= this.#low;
  }

  /** The oldest message that was looked at; `undefined` before the first. */
  get reached(): Position | undefined {
    return this.#reached;
  }

  /** Until when the next stride will reach back, if it is like the last. */
  get expectedMs(): number {
    return (this.#reached?.storedAtMs ?? UNKNOWN_TIME_MS) - this.#spanMs;
  }

  /** Reads the next messages before those that were looked at. They count as looked at only after `look`. */
  async read(sifted: boolean): Promise<Stride> {
    for (;;) {
      const from = Math.max(this.#low, this.#high - this.#next);
      const runs = await runsBetween(this.#reader, this.#queue, from, this.#high);
      if (runs.length > 0) return sifted ? this.#fitting(this.#wholeFrames(runs)) : strideOf(runs);
      this.#high = from;
      this.#next = Math.min(EMPTY_STRIDE_MESSAGES_MAX, this.#next * 2);
      if (this.isOver) return strideOf(runs);
    }
  }

  async look({ runs, slices, weight }: Stride, sift: Sift | undefined): Promise<Spent> {
    const [oldest] = slices;
    if (!oldest) return { messages: 0, bytes: 0 };
    const wanted = sift && new Set((await Promise.all(runs.map((run) => sift(run, this.#queue)))).flat());
    const looked = slices.flatMap((slice) => positionsIn(slice, this.#queue.queueId));
    this.#found.push(...newestFirst(wanted ? looked.filter(({ offset }) => wanted.has(offset)) : looked));
    this.#spanMs = (looked.at(-1) as Position).storedAtMs - (looked[0] as Position).storedAtMs;
    this.#reached = looked[0];
    // A stride that was cut short says how many messages fit. Else the next one is longer, since there is much to go.
    const whole = looked.length >= Math.min(this.#next, this.#high - this.#low);
    this.#next = whole ? Math.min(STRIDE_MESSAGES_MAX, this.#next * 2) : Math.max(1, looked.length);
    this.#high = oldest.offset;
    const bytes = sift ? weight : slices.reduce((sum, { frame }) => sum + (frame?.length ?? 0), 0);
    return { messages: looked.length, bytes };
  }

  /** Tells what it found, newest first, as far as it is due. */
  take(isDue: (position: Position) => boolean): readonly Position[] {
    const end = this.#found.findIndex((position) => !isDue(position));
    return this.#found.splice(0, end < 0 ? this.#found.length : end);
  }

  /** Begins with the first message of a frame: else the next stride would unpack the frame again. */
  #wholeFrames([first, ...others]: readonly Run[]): readonly Run[] {
    if (!first) return [];
    const skipped = Math.min(slicesOfRun(first)[0]?.skip ?? 0, first.from - this.#low);
    return [{ ...first, from: first.from - skipped, available: first.available + skipped }, ...others];
  }

  /** The last messages of the runs, as many as may be unpacked at once, but at least those of one frame. */
  #fitting(runs: readonly Run[]): Stride {
    const slices = runs.flatMap(slicesOfRun);
    let weight = 0;
    let first = slices.length;
    for (; first > 0; first--) {
      const more = sliceWeight(slices[first - 1] as Slice);
      if (first < slices.length && weight + more > this.#strideBytes) break;
      weight += more;
    }
    const from = slices[first]?.offset ?? this.#high;
    const kept = runs.flatMap((run) => {
      const end = run.from + run.available;
      if (end <= from) return [];
      return run.from >= from ? [run] : [{ ...run, from, available: end - from }];
    });
    return { runs: kept, slices: slices.slice(first), weight };
  }
}

function strideOf(runs: readonly Run[]): Stride {
  return { runs, slices: runs.flatMap(slicesOfRun), weight: 0 };
}

function positionsIn({ offset, count, storedAtMs }: Slice, queueId: number): readonly Position[] {
  const time = Math.min(storedAtMs, UNKNOWN_TIME_MS);
  return Array.from({ length: count }, (_, index) => ({ storedAtMs: time, queueId, offset: offset + index }));
}

const startOf = (reader: QueueReader, queue: Queue, { fromMs = 0 }: Window): Promise<number> =>
  reader.offsetAt(queue, { timestampMs: fromMs });

/** The offset behind the last message of the window; `undefined` if the window has no end. */
function endOf(reader: QueueReader, queue: Queue, { toMs, before }: Window): Promise<number> | number | undefined {
  if (before?.queueId === queue.queueId) return before.offset;
  const timestampMs = before ? before.storedAtMs + (queue.queueId < before.queueId ? 1 : 0) : toMs;
  if (timestampMs === undefined || timestampMs > UNKNOWN_TIME_MS) return undefined;
  return reader.offsetAt(queue, { timestampMs });
}
