import { dueOfTimer, timersPk, timersUntil } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, Query } from "../ports/item-store.ts";
import { keyAfter } from "../store/every-item.ts";
import type { FiringLanes } from "./firing-lanes.ts";
import { LateSweeps } from "./late-sweeps.ts";
import { type Cursor, PassedOver } from "./passed-over.ts";
import { isUnordered, laneOf, type ReadTimer, readTimers } from "./route.ts";
import {
  CURSORS_MAX,
  GLANCE_PAGES_MAX,
  LATE_PAGES_MAX,
  LOOK_MS_MAX,
  REFILL_PAGES_MAX,
  REFILL_TIMERS_MIN,
  SHORT_SWEEP_PAGES_MAX,
  TIMERS_PER_GLANCE,
  TIMERS_PER_PAGE,
} from "./timer-limits.ts";
import type { TimerPage } from "./timer-page.ts";

const START = "";

/**
 * Reads what is due in one shard into the lanes. What a lane has no room for is passed over, so that what lies behind it is found, and
 * read again from a cursor once there is room.
 *
 * - The *front* is how far the shard was read. What lies before it is fired, in memory, or behind a cursor. Where little is due the front
 *   goes back to the first timer with each look. Where much is due it moves on, and goes back only where the queues of a topic changed.
 * - A look that does not come to the end reads *fresh* timers too: those that fell due since the front began to move. None that must be
 *   in order is taken of these, since an earlier one of its message group may not be read yet.
 * - *Late* timers were written before the front: clocks differ, and a put takes a while. The last seconds before the front are read
 *   again for them, and now and then all.
 * - A *refill* brings what was passed over.
 *
 * All of this is memory. A scanner that dies leaves the timers where they are, and the next one begins at the first.
 */
export class ShardReader {
  readonly shard: number;
  readonly #items: ItemStore;
  readonly #clock: Clock;
  readonly #lanes: FiringLanes;
  readonly #pk: string;
  #front = START;
  /** The front stopped before all that is due. */
  #unread = false;
  #met = 0;
  #nextMs: number | undefined;
  #passedOver = 0;
  /** From here on timers are fresh, and were not read as such: what was due when the front began to move lies in its way. */
  #fresh = START;
  readonly #behind = new PassedOver();
  readonly #late = new LateSweeps();
  #left = false;
  #heldUp = false;

  constructor(store: { readonly items: ItemStore; readonly clock: Clock }, lanes: FiringLanes, shard: number) {
    this.#items = store.items;
    this.#clock = store.clock;
    this.#lanes = lanes;
    this.shard = shard;
    this.#pk = timersPk(shard);
  }

  /** When the next timer is due, as far as the last look saw. */
  get nextMs(): number | undefined {
    return this.#nextMs;
  }

  /** Whether all that is due was read. */
  get isDone(): boolean {
    return !this.#unread && this.#behind.size === 0;
  }

  /** About how many due timers were passed over. */
  get passedOver(): number {
    return this.isBehind ? this.#passedOver : 0;
  }

  /** Whether some were passed over though there is room: the queues of their message groups change, which tells nobody when it is over. */
  get isHeldUp(): boolean {
    return this.#heldUp;
  }

  get isBehind(): boolean {
    return this.#behind.size > 0;
  }

  /** When the first of those that were not read yet, or passed over, was due. */
  oldestDueMs(): number | undefined {
    const front = this.#unread && this.#front !== START ? this.#front : undefined;
    const passed = this.#behind.oldest() ?? front;
    return passed === undefined ? undefined : dueOfTimer(front !== undefined && front < passed ? front : passed);
  }

  /**
   * Its shard is read by someone else from now on, and what waited of it in memory was forgotten: nothing of a page that is still on
   * its way may be taken, which comes after that.
   */
  leave(): void {
    this.#left = true;
  }

  /** Timers of its stream are read again from this one on. It was in this lane. */
  rewind(read: ReadTimer, lane: string): void {
    this.#behind.rewind(read, lane);
  }

  /** A few timers from the first on, and what comes next behind tombstones ahead. None is started. Errors: `StoreUnavailable`. */
  async glance(aheadMs: number): Promise<void> {
    this.#begin();
    let { beyond } = await this.#advance(true, aheadMs);
    for (let pages = 1; this.#unread && beyond && pages < GLANCE_PAGES_MAX; pages++)
      ({ beyond } = await this.#advance(true, aheadMs, true));
  }

  /**
   * Reads on, for LOOK_MS_MAX and some pages. `front`: whether it is time for new timers, else only what was passed over is read.
   * `aheadMs`: how far ahead the next timer matters. Answers whether to look on at once. Errors: `StoreUnavailable`.
   */
  async look(front: boolean, aheadMs: number): Promise<boolean> {
    if (front && !this.#unread) this.#begin();
    if (this.#unread) await this.#advanceAll(aheadMs);
    if (this.#unread) await this.#readFresh();
    const isLate = await this.#readLate();
    const refilled = await this.#refill();
    this.#lanes.go();
    return isLate || refilled || (this.#unread && !this.#isFull);
  }

  /** So many are behind that reading waits for them. */
  get #isFull(): boolean {
    return this.#behind.size >= CURSORS_MAX;
  }

  #begin(): void {
    const quiet = this.#behind.size === 0 && this.#met < TIMERS_PER_PAGE && this.#lanes.size < TIMERS_PER_PAGE;
    if (quiet) {
      this.#front = START;
      this.#passedOver = 0;
    }
    this.#unread = true;
    const nowMs = this.#clock.nowMs();
    this.#fresh = keyAfter(timersUntil(nowMs));
    // All of it is about to be read.
    if (this.#front === START) this.#late.wasReadFull(nowMs);
    this.#met = 0;
  }

  async #advanceAll(aheadMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + LOOK_MS_MAX;
    // First a few, as far as the horizon; while more is due, pages of that alone; then from there on a few again.
    let glance = this.#met < TIMERS_PER_GLANCE;
    let tombstonesAhead = false;
    while (this.#unread && !this.#isFull && !this.#left) {
      const { beyond } = await this.#advance(glance, aheadMs, tombstonesAhead);
      this.#lanes.go();
      // Nothing but tombstones ahead: they are small.
      tombstonesAhead = glance && beyond;
      glance = beyond;
      if (this.#clock.nowMs() >= untilMs) return;
    }
  }

  /** One page. `beyond`: the front is past all that is due, and it is not known yet what is due next. */
  async #advance(glance: boolean, aheadMs: number, tombstonesAhead = false): Promise<{ readonly beyond: boolean }> {
    const nowMs = this.#clock.nowMs();
    const isDue = ({ timer }: ReadTimer): boolean => timer.dueMs <= nowMs;
    const front = this.#front;
    const query = {
      ...(this.#front !== START && { from: this.#front }),
      to: timersUntil(glance ? nowMs + aheadMs : nowMs),
      limit: glance && !tombstonesAhead ? TIMERS_PER_GLANCE : TIMERS_PER_PAGE,
    };
    const page = await this.#page(query, isDue);
    if (!page) return { beyond: false };
    const { read, last } = page;
    const due = read.filter(isDue);
    // One that was written late, of the same message group, may be due before.
    if (due.some(({ timer }) => !isUnordered(timer) && this.#late.isWantedBefore(timer.dueMs))) {
      this.#late.hasten(this.#clock.nowMs());
      await this.#readLate(SHORT_SWEEP_PAGES_MAX);
      if (this.#left || this.#front !== front) return { beyond: false };
    }
    for (const one of due) if (!this.#meet(one, page)) this.#passedOver++;
    this.#met += due.length;
    const next = read.find(({ timer }) => timer.dueMs > nowMs && timer.kind !== "tombstone")?.timer;
    const pastDue = keyAfter(timersUntil(nowMs));
    if (next || (glance && !page.more)) {
      this.#front = pastDue;
      this.#unread = false;
      this.#nextMs = next?.dueMs;
      return { beyond: true };
    }
    this.#front = page.more && last !== undefined ? keyAfter(last) : pastDue;
    return { beyond: this.#front >= pastDue };
  }

  /**
   * `wanted`: which of those that are read may be taken. `undefined`: the page is to be forgotten, since someone else reads the shard
   * now, or since the queues of a topic have changed, and the front went back.
   */
  async #page(query: Omit<Query, "pk">, wanted: (read: ReadTimer) => boolean = () => true): Promise<TimerPage | undefined> {
    const mark = this.#lanes.mark();
    const { items, more } = await this.#items.query({ pk: this.#pk, ...query });
    const read = readTimers(items);
    const known = read.filter(wanted);
    const topics = await this.#lanes.topicsOf(known);
    if (this.#left) return undefined;
    const moved = this.#behind.deleteMoved(known, topics);
    if (moved === undefined) return { read, last: items.at(-1)?.sk, more, mark, topics };
    if (moved < this.#front) this.#front = moved;
    this.#unread = true;
    return undefined;
  }

  /** Answers whether it is in memory. */
  #meet(read: ReadTimer, { mark, topics }: TimerPage): boolean {
    const lane = laneOf(read.timer, topics);
    if (this.#behind.has(read, lane)) return false;
    if (this.#lanes.isTaken(read, mark) || this.#lanes.take(read, topics)) return true;
    this.#behind.add(read, lane);
    return false;
  }

  async #readFresh(): Promise<void> {
    const now = keyAfter(timersUntil(this.#clock.nowMs()));
    if (now <= this.#fresh || this.#fresh <= this.#front) return;
    const isFresh = ({ timer }: ReadTimer): boolean => isUnordered(timer);
    const page = await this.#page({ from: this.#fresh, to: now, limit: TIMERS_PER_PAGE }, isFresh);
    if (!page) return;
    const { read, last, more, mark, topics } = page;
    // Whatever finds no room now the front meets.
    for (const one of read.filter(isFresh))
      if (!this.#behind.has(one, laneOf(one.timer, topics)) && !this.#lanes.isTaken(one, mark)) this.#lanes.take(one, topics);
    this.#fresh = more && last !== undefined ? keyAfter(last) : now;
  }

  /** Answers whether more is to be read. */
  async #readLate(pagesMax: number = LATE_PAGES_MAX): Promise<boolean> {
    if (this.#front === START) return false;
    for (let pages = 0; pages < pagesMax; pages++) {
      const range = this.#late.range(this.#front, START, this.#clock.nowMs());
      if (!range) return false;
      const { from, to } = range;
      const page = await this.#page({ ...(from !== START && { from }), to, limit: TIMERS_PER_PAGE });
      if (!page) return true;
      const { read, last, more } = page;
      for (const one of read) this.#meet(one, page);
      this.#late.wasRead(read.length, more && last !== undefined ? keyAfter(last) : undefined, this.#clock.nowMs());
    }
    return true;
  }

  /** Answers whether more is wanted. */
  async #refill(): Promise<boolean> {
    // Those that nobody takes now, though there is room: the queues of their message groups change.
    const barred = new Set<Cursor>();
    const firstWanted = () => this.#behind.first((cursor) => !barred.has(cursor) && this.#lanes.wanted(cursor) > 0);
    let first = firstWanted();
    for (let pages = 0; first && pages < REFILL_PAGES_MAX; pages++) {
      await this.#readAgain(first, barred);
      this.#lanes.go();
      first = firstWanted();
    }
    this.#heldUp = barred.size > 0;
    return first !== undefined;
  }

  /** A page from the cursor on, no further than the front. It serves all cursors that it comes to; these move on past what was taken. */
  async #readAgain(first: Cursor, barred: Set<Cursor>): Promise<void> {
    const { from, isOfLane } = first;
    const wanted = this.#lanes.wanted(first) * (isOfLane ? 1 : this.#behind.size);
    const limit = Math.max(REFILL_TIMERS_MIN, Math.min(TIMERS_PER_PAGE, wanted));
    const page = await this.#page({ from, to: this.#front, limit });
    if (!page) return;
    const { read: again, last, more, mark, topics } = page;
    const stopped = new Set<Cursor>();
    for (const read of again) {
      const lane = laneOf(read.timer, topics);
      const cursor = this.#behind.cursorOf(read, lane);
      // One that stands before this page: what is there comes first.
      if (cursor && (stopped.has(cursor) || cursor.from < from)) continue;
      if (this.#lanes.isTaken(read, mark)) continue;
      if (this.#lanes.take(read, topics)) {
        this.#passedOver = Math.max(0, this.#passedOver - 1);
        continue;
      }
      const stop = cursor ? this.#behind.stop(cursor, read, lane) : this.#behind.add(read, lane);
      stopped.add(stop);
      if (this.#lanes.spaceFor(read, lane) > 0) barred.add(stop);
    }
    const readTo = more && last !== undefined ? keyAfter(last) : undefined;
    for (const cursor of [...this.#behind]) {
      if (stopped.has(cursor) || cursor.from < from) continue;
      if (readTo === undefined) this.#behind.delete(cursor);
      else if (cursor.from < readTo) this.#behind.moveOn(cursor, readTo);
    }
  }
}
