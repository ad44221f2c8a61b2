import { isShared, laneOf, type ReadTimer, type TopicsNow } from "./route.ts";

/** From here on timers were passed over: those of one stream, or those of all streams of a lane that have no own cursor. */
export interface Cursor {
  readonly isOfLane: boolean;
  readonly lane: string;
  readonly from: string;
  /** The timer that found no room there, or an earlier one. */
  readonly read: ReadTimer;
}

/**
 * Each line: how many streams of one lane may have their own cursors while there are no more than `all` cursors. The lane's other
 * streams share one: their timers are read in the order of their due times, as fast as the queue takes them.
 */
const OWN_CURSORS = [
  { lane: 500, all: 4_000 },
  { lane: 16, all: 8_000 },
] as const;

/**
 * Where a reader continues with timers that it passed over for lack of room. A timer was passed over if it does not lie before the
 * cursor of its stream or of its lane.
 */
export class PassedOver {
  readonly #streams = new Map<string, Cursor>();
  readonly #lanes = new Map<string, Cursor>();
  /** How many streams of each lane have cursors. */
  readonly #ofLane = new Map<string, number>();

  /** How many cursors there are. */
  get size(): number {
    return this.#streams.size + this.#lanes.size;
  }

  *[Symbol.iterator](): Generator<Cursor> {
    yield* this.#streams.values();
    yield* this.#lanes.values();
  }

  /** Where the first cursor stands. */
  oldest(): string | undefined {
    return this.first(() => true)?.from;
  }

  /** The first wanted cursor. */
  first(isWanted: (cursor: Cursor) => boolean): Cursor | undefined {
    let first: Cursor | undefined;
    for (const cursor of this) if ((first === undefined || cursor.from < first.from) && isWanted(cursor)) first = cursor;
    return first;
  }

  has({ sk, stream }: ReadTimer, lane: string): boolean {
    const own = this.#streams.get(stream);
    if (own !== undefined && sk >= own.from) return true;
    const shared = this.#lanes.get(lane);
    return shared !== undefined && sk >= shared.from;
  }

  /** The cursor that decides when the timer is read again. */
  cursorOf({ stream }: ReadTimer, lane: string): Cursor | undefined {
    return this.#streams.get(stream) ?? this.#lanes.get(lane);
  }

  /** Passes over a timer that found no room. */
  add(read: ReadTimer, lane: string): Cursor {
    const isOfLane = this.#lanes.has(lane) || !this.#mayHaveOwn(read, lane);
    return this.#set({ isOfLane, lane, from: read.sk, read });
  }

  /** The stream is no longer in memory from this timer on. */
  rewind(read: ReadTimer, lane: string): Cursor {
    const own = this.#streams.get(read.stream);
    return own && own.from <= read.sk ? own : this.#set({ isOfLane: false, lane, from: read.sk, read });
  }

  /** All timers before this one were read again and are in memory. This one finds no room, in this lane. */
  stop(cursor: Cursor, read: ReadTimer, lane: string): Cursor {
    return this.#set({ ...cursor, lane, from: read.sk, read });
  }

  /** All timers before `from` were read again and are in memory. */
  moveOn(cursor: Cursor, from: string): void {
    this.#set({ ...cursor, from });
  }

  delete({ isOfLane, lane, read: { stream } }: Cursor): void {
    if (isOfLane) this.#lanes.delete(lane);
    else if (this.#streams.delete(stream)) this.#count(lane, -1);
  }

  /**
   * Forgets the lane cursors, of the topics of a page, whose timers lead to another lane now. Answers where the first of them stood:
   * from there on all timers must be read anew.
   */
  deleteMoved(page: readonly ReadTimer[], topics: TopicsNow): string | undefined {
    if (this.#lanes.size === 0) return undefined;
    const uids = new Set(page.map(({ timer }) => (timer.kind === "message" ? timer.topicUid : undefined)));
    let first: string | undefined;
    for (const cursor of [...this.#lanes.values()]) {
      const { timer } = cursor.read;
      if (timer.kind !== "message" || !uids.has(timer.topicUid) || laneOf(timer, topics) === cursor.lane) continue;
      this.delete(cursor);
      if (first === undefined || cursor.from < first) first = cursor.from;
    }
    return first;
  }

  #mayHaveOwn({ stream, timer }: ReadTimer, lane: string): boolean {
    if (!isShared(timer) || this.#streams.has(stream)) return true;
    const ofLane = this.#ofLane.get(lane) ?? 0;
    return OWN_CURSORS.some((most) => ofLane < most.lane && this.size < most.all);
  }

  #set(cursor: Cursor): Cursor {
    const { isOfLane, lane, read } = cursor;
    if (isOfLane) {
      this.#lanes.set(lane, cursor);
      return cursor;
    }
    const before = this.#streams.get(read.stream);
    if (before) this.#count(before.lane, -1);
    this.#count(lane, 1);
    this.#streams.set(read.stream, cursor);
    return cursor;
  }

  #count(lane: string, by: number): void {
    const count = (this.#ofLane.get(lane) ?? 0) + by;
    if (count > 0) this.#ofLane.set(lane, count);
    else this.#ofLane.delete(lane);
  }
}
