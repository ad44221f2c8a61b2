import { dueOfTimer, timersPk, timersUntil } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, Query } from "../ports/item-store.ts";
import type { FiringLanes } from "./firing-lanes.ts";
import { LateSweeps } from "./late-sweeps.ts";
import { isUnordered, type ReadTimer, readTimers } from "./route.ts";
import {
  GLANCE_PAGES_MAX,
  LATE_PAGES_MAX,
  LOOK_MS_MAX,
  REFILL_PAGES_MAX,
  REFILL_TIMERS_MIN,
  STREAMS_BEHIND_MAX,
  TIMERS_PER_GLANCE,
  TIMERS_PER_PAGE,
} from "./timer-limits.ts";
import type { TimerPage } from "./timer-page.ts";

/** What follows a sort key. */
const after = (sk: string): string => `${sk}\u0000`;
const START = "";

/** Where a stream goes on. */
interface Cursor {
  readonly stream: string;
  readonly from: string;
}

/**
 * Reads what is due in one shard into the lanes. What a lane has no room for is passed over, so that what lies behind it is found, and
 * read again from a cursor of its stream once there is room.
 *
 * - The *front* is how far the shard was read. What lies before it is fired, in memory, or behind the cursor of its stream. Where
 *   little is due the front goes back to the first timer with each look. Where much is due it moves on only.
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
  /** Fresh timers are those that fell due since: what was due when the front began to move lies in its way. */
  #freshMs = 0;
  /** Where streams go on of which timers were passed over. */
  readonly #behind = new Map<string, string>();
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
    let oldest = this.#unread && this.#front !== START ? this.#front : undefined;
    for (const sk of this.#behind.values()) if (oldest === undefined || sk < oldest) oldest = sk;
    return oldest === undefined ? undefined : dueOfTimer(oldest);
  }

  /**
   * Its shard is read by someone else from now on, and what waited of it in memory was forgotten: nothing of a page that is still on
   * its way may be taken, which comes after that.
   */
  leave(): void {
    this.#left = true;
  }

  /** Timers of its stream are read again from this one on. */
  rewind({ stream, sk }: ReadTimer): void {
    const cursor = this.#behind.get(stream);
    if (cursor === undefined || sk < cursor) this.#behind.set(stream, sk);
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
    await this.#readLate();
    const refilled = await this.#refill();
    this.#lanes.go();
    return refilled || (this.#unread && !this.#isFull);
  }

  /** So many streams are behind that reading waits for them. */
  get #isFull(): boolean {
    return this.#behind.size >= STREAMS_BEHIND_MAX;
  }

  #begin(): void {
    const quiet = this.#behind.size === 0 && this.#met < TIMERS_PER_PAGE && this.#lanes.size < TIMERS_PER_PAGE;
    if (quiet) {
      this.#front = START;
      this.#passedOver = 0;
    }
    this.#unread = true;
    this.#freshMs = this.#clock.nowMs();
    // All of it is about to be read.
    if (this.#front === START) this.#late.wasReadFull(this.#freshMs);
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
    const query = {
      ...(this.#front !== START && { from: this.#front }),
      to: timersUntil(glance ? nowMs + aheadMs : nowMs),
      limit: glance && !tombstonesAhead ? TIMERS_PER_GLANCE : TIMERS_PER_PAGE,
    };
    const page = await this.#page(query, isDue);
    const { read, last } = page;
    const due = read.filter(isDue);
    for (const one of due) if (!this.#meet(one, page)) this.#passedOver++;
    this.#met += due.length;
    const next = read.find(({ timer }) => timer.dueMs > nowMs && timer.kind !== "tombstone")?.timer;
    const pastDue = after(timersUntil(nowMs));
    if (next || (glance && !page.more)) {
      this.#front = pastDue;
      this.#unread = false;
      this.#nextMs = next?.dueMs;
      return { beyond: true };
    }
    this.#front = page.more && last !== undefined ? after(last) : pastDue;
    return { beyond: this.#front >= pastDue };
  }

  /** `wanted`: which of those that are read may be taken. */
  async #page(query: Omit<Query, "pk">, wanted: (read: ReadTimer) => boolean = () => true): Promise<TimerPage> {
    const mark = this.#lanes.mark();
    const { items, more } = await this.#items.query({ pk: this.#pk, ...query });
    const read = readTimers(items);
    const topics = await this.#lanes.topicsOf(read.filter(wanted));
    if (this.#left) return { read: [], last: undefined, more: false, mark, topics };
    return { read, last: items.at(-1)?.sk, more, mark, topics };
  }

  /** Answers whether it is in memory. */
  #meet(read: ReadTimer, { mark, topics }: TimerPage): boolean {
    const cursor = this.#behind.get(read.stream);
    if (cursor !== undefined && read.sk >= cursor) return false;
    if (this.#lanes.isTaken(read, mark) || this.#lanes.take(read, topics)) return true;
    this.rewind(read);
    return false;
  }

  async #readFresh(): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const from = after(timersUntil(this.#freshMs));
    if (nowMs <= this.#freshMs || from <= this.#front) return;
    const isFresh = ({ timer }: ReadTimer): boolean => isUnordered(timer);
    const { read, last, more, mark, topics } = await this.#page(
      { from, to: timersUntil(nowMs), limit: TIMERS_PER_PAGE },
      isFresh,
    );
    // Whatever finds no room now the front meets.
    for (const one of read.filter(isFresh))
      if (!this.#behind.has(one.stream) && !this.#lanes.isTaken(one, mark)) this.#lanes.take(one, topics);
    this.#freshMs = more && last !== undefined ? dueOfTimer(last) - 1 : nowMs;
  }

  async #readLate(): Promise<void> {
    if (this.#front === START) return;
    for (let pages = 0; pages < LATE_PAGES_MAX; pages++) {
      const range = this.#late.range(this.#front, START, this.#clock.nowMs());
      if (!range) return;
      const { from, to } = range;
      const page = await this.#page({ ...(from !== START && { from }), to, limit: TIMERS_PER_PAGE });
      const { read, last, more } = page;
      for (const one of read) this.#meet(one, page);
      this.#late.wasRead(read.length, more && last !== undefined ? after(last) : undefined, this.#clock.nowMs());
    }
  }

  /** Answers whether more is wanted. */
  async #refill(): Promise<boolean> {
    // Those that nobody takes now, though there is room: the queues of their message groups change.
    const barred = new Set<string>();
    let first = this.#firstWanted(barred);
    for (let pages = 0; first && pages < REFILL_PAGES_MAX; pages++) {
      await this.#readAgain(first, barred);
      this.#lanes.go();
      first = this.#firstWanted(barred);
    }
    this.#heldUp = barred.size > 0;
    return first !== undefined;
  }

  #firstWanted(barred: ReadonlySet<string>): Cursor | undefined {
    let first: Cursor | undefined;
    for (const [stream, from] of this.#behind) {
      if (first !== undefined && from >= first.from) continue;
      if (this.#lanes.wants(stream) && !barred.has(stream)) first = { stream, from };
    }
    return first;
  }

  /**
   * A page from the stream's cursor on, no further than the front. It serves all streams whose cursors it comes to; these move on past
   * what was taken.
   */
  async #readAgain({ stream: first, from }: Cursor, barred: Set<string>): Promise<void> {
    const to = this.#front;
    const wanted = this.#lanes.roomFor(first) * this.#behind.size;
    const limit = Math.max(REFILL_TIMERS_MIN, Math.min(TIMERS_PER_PAGE, wanted));
    const { read: again, last, more, mark, topics } = await this.#page({ from, to, limit });
    const stopped = new Set<string>();
    for (const read of again) {
      const { stream, sk } = read;
      const cursor = this.#behind.get(stream);
      // Its own cursor lies before this page: what is there comes first.
      if (stopped.has(stream) || (cursor !== undefined && cursor < from)) continue;
      if (this.#lanes.isTaken(read, mark)) continue;
      if (this.#lanes.take(read, topics)) {
        this.#passedOver = Math.max(0, this.#passedOver - 1);
        continue;
      }
      stopped.add(stream);
      if (this.#lanes.roomFor(stream) > 0) barred.add(stream);
      this.#behind.set(stream, sk);
    }
    const readTo = more && last !== undefined ? after(last) : undefined;
    for (const [stream, cursor] of [...this.#behind]) {
      if (stopped.has(stream) || cursor < from) continue;
      if (readTo === undefined) this.#behind.delete(stream);
      else if (cursor < readTo) this.#behind.set(stream, readTo);
    }
  }
}
