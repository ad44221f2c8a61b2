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
 * Reads the due timers of one shard into the lanes. Timers that find no room are passed over, so that those behind them are found. They
 * are read again from a cursor once there is room.
 *
 * - The *front* is how far the shard was read. Timers before it are fired, in memory, or behind a cursor. If little is due, the front
 *   goes back to the first timer with each look. If much is due, it moves on, and goes back only if the queues of a topic changed.
 * - A look that does not reach the end also reads *fresh* timers: those that fell due since the front began to move. Ordered ones are
 *   not taken then, since an earlier timer of their message group may not be read yet.
 * - *Late* timers were written before the front: clocks differ, and a put takes a while. The last seconds before the front are
 *   read again for them, and now and then everything.
 * - A *refill* reads again what was passed over.
 *
 * All of this is memory. A scanner that dies leaves the timers in place, and the next one begins at the first.
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
  /** Where unread fresh timers begin: the front will come to those that were due when it began to move. */
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

  /** When the next timer is due, according to the last look. */
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

  /** Whether timers were passed over despite room, because the queues of their message groups change: nothing announces the end. */
  get isHeldUp(): boolean {
    return this.#heldUp;
  }

  get isBehind(): boolean {
    return this.#behind.size > 0;
  }

  /** The due time of the oldest timer that is not read, or was passed over. */
  oldestDueMs(): number | undefined {
    const front = this.#unread && this.#front !== START ? this.#front : undefined;
    const passed = this.#behind.oldest() ?? front;
    return passed === undefined ? undefined : dueOfTimer(front !== undefined && front < passed ? front : passed);
  }

  /** Another scanner reads the shard from now on. So nothing may be taken from a page that is still on its way. */
  leave(): void {
    this.#left = true;
  }

  /** The timers of a stream must be read again from this one on. It was in this lane. */
  rewind(read: ReadTimer, lane: string): void {
    this.#behind.rewind(read, lane);
  }

  /** Reads a few timers from the first on, and the next one behind tombstones ahead. Fires none. Errors: `StoreUnavailable`. */
  async glance(aheadMs: number): Promise<void> {
    this.#begin();
    let { beyond } = await this.#advance(true, aheadMs);
    for (let pages = 1; this.#unread && beyond && pages < GLANCE_PAGES_MAX; pages++)
      ({ beyond } = await this.#advance(true, aheadMs, true));
  }

  /**
   * Reads on, for LOOK_MS_MAX and some pages. `front`: whether to read new timers too, not only those that were passed over. `aheadMs`:
   * how far ahead the next timer matters. Answers whether to look again at once. Errors: `StoreUnavailable`.
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

  /** There are so many cursors that reading new timers waits for them. */
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
    // Everything is about to be read.
    if (this.#front === START) this.#late.wasReadFull(nowMs);
    this.#met = 0;
  }

  async #advanceAll(aheadMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + LOOK_MS_MAX;
    // First a few timers up to the horizon. While more is due, pages of due timers only. At the end a few again.
    let glance = this.#met < TIMERS_PER_GLANCE;
    let tombstonesAhead = false;
    while (this.#unread && !this.#isFull && !this.#left) {
      const { beyond } = await this.#advance(glance, aheadMs, tombstonesAhead);
      this.#lanes.go();
      // Only tombstones were ahead: they are small, so a full page is read.
      tombstonesAhead = glance && beyond;
      glance = beyond;
      if (this.#clock.nowMs() >= untilMs) return;
    }
  }

  /** Reads one page. `beyond`: the front has passed all due timers, and the next due time is not known yet. */
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
    // A timer of the same message group that was written late may be due earlier.
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
   * `wanted`: which of the timers may be taken. `undefined`: the page must be ignored. Another scanner reads the shard now, or the
   * queues of a topic have changed and the front went back.
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

  /** Takes a timer or passes it over. Answers whether it is in memory, or done. */
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
    // The front will meet those that find no room now.
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
    // Cursors whose timers are not taken despite room, because the queues of their message groups change.
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

  /** A page from the cursor on, up to the front. All cursors that it reaches move past the timers that were taken. */
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
      // A cursor before this page: its earlier timers come first.
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
