import type { Topic } from "../terms.ts";
import { clearTombstone } from "./clear-tombstone.ts";
import { batchOf, boundQueue, type Firing, fireBatch, PARKED_TOGETHER_MAX, parkHomeless, weightOf } from "./fire-batch.ts";
import type { CheckTimer, MessageTimer, Timer, Tombstone } from "./timer.ts";
import { CHECKS_AT_ONCE, FIRED_BYTES_MAX, TIMERS_PER_LANE_MAX, TIMERS_WAITING_MAX } from "./timer-limits.ts";

export interface FiringReport {
  /** Delivered messages and finished checks. */
  readonly fired: number;
  readonly parked: number;
  /** Whether some that were taken are still to be fired: their lane failed, or their topic was not known yet. */
  readonly unfinished: boolean;
  /** What lanes failed with. */
  readonly errors: readonly unknown[];
}

interface Lane<T> {
  readonly pending: T[];
  /** Batches under way at once; 1 where order is kept. */
  readonly most: number;
  /** Fires the first of the pending ones, which it takes out. */
  readonly fire: (pending: T[]) => Promise<void>;
  running: number;
  /** It was full or failed: what follows must not overtake what was passed over. */
  closed: boolean;
}

/** Batches to any queue of one topic under way at once. */
const ANYWHERE_AT_ONCE = 4;

/**
 * Due timers on their way, sorted by where they go: a lane for each queue with messages bound to it, one for each topic's messages
 * that may go to any, one for checks, one for tombstones, one for what must be parked. Lanes run side by side. Good for one look at what is due.
 */
export class FiringLanes {
  readonly #firing: Firing;
  readonly #lanes = new Map<string, Lane<MessageTimer>>();
  readonly #checks: Lane<CheckTimer>;
  readonly #tombstones: Lane<Tombstone>;
  readonly #running = new Set<Promise<void>>();
  /** Uids of topics that were not found. */
  readonly #strangers = new Set<string>();
  /** Write queues of topics by uid, as this look goes by them; 0: by none any more. */
  readonly #writeQueues = new Map<string, number>();
  #waiting = 0;
  /** Of the batches under way, and who waits until it is less. */
  #bytes = 0;
  readonly #heavy: (() => void)[] = [];
  #fired = 0;
  #parked = 0;
  #unfinished = false;
  readonly #errors: unknown[] = [];

  constructor(firing: Firing) {
    this.#firing = firing;
    this.#checks = emptyLane(CHECKS_AT_ONCE, (pending) => this.#check(pending));
    this.#tombstones = emptyLane(CHECKS_AT_ONCE, async (pending) => {
      const tombstone = pending.shift();
      if (tombstone) await clearTombstone(firing.items, tombstone);
    });
  }

  /** Resolves when there is room for a page of timers. */
  async room(): Promise<void> {
    while (this.#waiting >= TIMERS_WAITING_MAX && this.#running.size > 0) await Promise.race(this.#running);
  }

  /** Takes a page of timers and sets them off, what is due together together. What is passed over is for the next look. */
  async take(timers: readonly Timer[]): Promise<{ readonly passedOver: number; readonly messages: number }> {
    const names = new Set(timers.map((timer) => (timer.kind === "message" ? timer.topic : undefined)));
    const topics = new Map<string, Topic | undefined>();
    for (const name of names) if (name !== undefined) topics.set(name, await this.#firing.topics.lookUp(name));
    const passedOver = timers.filter((timer) => !this.#place(timer, topics));
    this.#start(this.#checks);
    this.#start(this.#tombstones);
    for (const lane of this.#lanes.values()) this.#start(lane);
    return { passedOver: passedOver.length, messages: passedOver.filter(({ kind }) => kind === "message").length };
  }

  #place(timer: Timer, topics: ReadonlyMap<string, Topic | undefined>): boolean {
    if (timer.kind === "check") return this.#push(this.#checks, timer);
    if (timer.kind === "tombstone") return this.#push(this.#tombstones, timer);
    const topic = topics.get(timer.topic);
    // A topic that was not known to an earlier timer of this look must not let a later one overtake it.
    if (topic?.uid !== timer.topicUid) this.#strangers.add(timer.topicUid);
    if (!topic || this.#strangers.has(timer.topicUid)) return this.#push(this.#homeless(), timer);
    if (timer.groupHash !== undefined && !this.#keepsQueues(topic)) return false;
    return this.#push(this.#laneOf(topic, timer), timer);
  }

  /**
   * Whether messages of message groups may go to their queues. Not while these change, and, until the next look, not afterwards: what
   * was passed over, or waits in the lane of an older queue, must come first.
   */
  #keepsQueues({ uid, writeQueues, heldUntilMs }: Topic): boolean {
    const count = heldUntilMs > 0 ? 0 : writeQueues;
    const first = this.#writeQueues.get(uid) ?? count;
    this.#writeQueues.set(uid, first === count ? count : 0);
    return count > 0 && first === count;
  }

  /** Resolves when all that was taken is fired, or failed. */
  async drained(): Promise<FiringReport> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    return {
      fired: this.#fired,
      parked: this.#parked,
      unfinished: this.#unfinished || this.#errors.length > 0,
      errors: this.#errors,
    };
  }

  #push<T>(lane: Lane<T>, timer: T): boolean {
    lane.closed ||= lane.pending.length >= TIMERS_PER_LANE_MAX;
    if (lane.closed) return false;
    lane.pending.push(timer);
    this.#waiting++;
    return true;
  }

  #start<T>(lane: Lane<T>): void {
    if (lane.running >= lane.most || lane.pending.length === 0) return;
    lane.running++;
    const running = this.#run(lane).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run<T>(lane: Lane<T>): Promise<void> {
    try {
      while (lane.pending.length > 0) {
        const before = lane.pending.length;
        const firing = lane.fire(lane.pending);
        this.#waiting -= before - lane.pending.length;
        this.#start(lane);
        await firing;
      }
    } catch (error) {
      // Whatever it is, it must stop this lane and no other.
      this.#errors.push(error);
      lane.closed = true;
      this.#waiting -= lane.pending.length;
      lane.pending.length = 0;
    } finally {
      lane.running--;
    }
  }

  #homeless(): Lane<MessageTimer> {
    return this.#lane("homeless", 1, async (pending) => {
      const { parked, left } = await parkHomeless(this.#firing, pending.splice(0, PARKED_TOGETHER_MAX));
      this.#parked += parked;
      this.#unfinished ||= left;
    });
  }

  #laneOf(topic: Topic, timer: MessageTimer): Lane<MessageTimer> {
    const queueId = boundQueue(topic, timer);
    const most = queueId === undefined ? Math.min(ANYWHERE_AT_ONCE, topic.writeQueues) : 1;
    return this.#lane(`${topic.uid}#${queueId ?? "any"}`, most, async (pending) => {
      const batch = pending.splice(0, batchOf(pending));
      const { fired, parked } = await this.#weighed(batch, () => fireBatch(this.#firing, topic, queueId, batch));
      this.#fired += fired;
      this.#parked += parked;
    });
  }

  /** Lets batches be in memory, unpacked, while all of them together weigh no more than they may. */
  async #weighed<T>(batch: readonly MessageTimer[], work: () => Promise<T>): Promise<T> {
    const bytes = weightOf(batch);
    while (this.#bytes > 0 && this.#bytes + bytes > FIRED_BYTES_MAX) await new Promise<void>((wake) => this.#heavy.push(wake));
    this.#bytes += bytes;
    try {
      return await work();
    } finally {
      this.#bytes -= bytes;
      for (const wake of this.#heavy.splice(0)) wake();
    }
  }

  async #check(pending: CheckTimer[]): Promise<void> {
    const timer = pending.shift();
    if (!timer) return;
    const { left } = await this.#firing.checksDue([timer]);
    this.#unfinished ||= left.length > 0;
    this.#fired++;
  }

  #lane(key: string, most: number, fire: Lane<MessageTimer>["fire"]): Lane<MessageTimer> {
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane = emptyLane(most, fire);
    this.#lanes.set(key, lane);
    return lane;
  }
}

const emptyLane = <T>(most: number, fire: (pending: T[]) => Promise<void>): Lane<T> => ({
  pending: [],
  most,
  fire,
  running: 0,
  closed: false,
});
