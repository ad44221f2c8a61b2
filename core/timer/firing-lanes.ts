import { BrokerError } from "../errors.ts";
import type { Topic } from "../terms.ts";
import { clearTombstone } from "./clear-tombstone.ts";
import { batchOf, type Firing, fireBatch, PARKED_TOGETHER_MAX, parkHomeless, weightOf } from "./fire-batch.ts";
import { type Batch, type Fired, FiringLane, type LaneKind, type Stream } from "./firing-lane.ts";
import { aimOf, boundQueue, streamOf } from "./route.ts";
import type { ShardUnits } from "./shard-units.ts";
import { Sleeper } from "./sleeper.ts";
import { Slots } from "./slots.ts";
import { type CheckTimer, type MessageTimer, type Timer, type Tombstone, unitsOfTimer } from "./timer.ts";
import {
  BATCHES_AT_ONCE,
  CHECK_BATCHES_AT_ONCE,
  CHECK_BATCHES_PER_GROUP,
  CHECKS_PER_BATCH_MAX,
  FIRED_BYTES_MAX,
  REFILL_TIMERS_MIN,
  SLOT_MS,
  TIMERS_IN_MEMORY,
  TIMERS_PER_BATCH_MAX,
  TOMBSTONES_PER_BATCH_MAX,
} from "./timer-limits.ts";

export interface LanesOptions {
  readonly firing: Firing;
  readonly random: () => number;
  /** Write units of each shard. */
  readonly unitsOf: (shard: number) => ShardUnits;
  /** What a batch failed with. */
  readonly onFailure: (error: unknown) => void;
  /** There is room again for timers of a stream of this shard. */
  readonly onRoom: (shard: number) => void;
  /** From this timer on, those of its stream are to be read again. */
  readonly onDropped: (stream: string, first: Timer) => void;
  /** A batch ended. */
  readonly onProgress: () => void;
}

/** Batches to any queue of one topic under way at once. */
const ANYWHERE_AT_ONCE = 4;
/** More than are fired while a page is on its way. */
const LATELY_MAX = 8_000;

/**
 * Due timers in memory, on their way. Each is of a stream, whose order is kept, and each stream leads to a lane: a queue with the
 * messages bound to it, a topic's messages that may go to any, a producer group's checks, tombstones, and what must be parked. Lanes
 * run side by side for as long as the scanner does, and none waits for another.
 */
export class FiringLanes {
  readonly #options: LanesOptions;
  readonly #firing: Firing;
  readonly #streams = new Map<string, Stream>();
  readonly #lanes = new Map<string, FiringLane>();
  /** With timers that wait; who had a turn goes to the end. */
  readonly #busy = new Set<FiringLane>();
  readonly #running = new Set<Promise<void>>();
  readonly #taken = new Set<string>();
  /** Timers that were done with last, and which of all that was. */
  readonly #lately = new Map<string, number>();
  #ended = 0;
  readonly #topics = new Map<string, Topic | undefined>();
  readonly #messageSlots: Slots;
  readonly #checkSlots: Slots;
  readonly #stopping = new AbortController();
  readonly #pauses: Sleeper;
  /** When the first pause of a lane is over. */
  #resumesMs = Number.POSITIVE_INFINITY;
  #pausing = false;
  #waiting = 0;
  /** Of messages that are unpacked in memory, and who waits until it is less. */
  #bytes = 0;
  readonly #heavy: (() => void)[] = [];
  #fired = 0;
  #parked = 0;

  constructor(options: LanesOptions) {
    const { firing } = options;
    this.#options = options;
    this.#firing = firing;
    this.#messageSlots = new Slots(firing.clock, BATCHES_AT_ONCE, SLOT_MS);
    this.#pauses = new Sleeper(firing.clock);
    this.#checkSlots = new Slots(firing.clock, CHECK_BATCHES_AT_ONCE, SLOT_MS);
  }

  get report(): { readonly fired: number; readonly parked: number } {
    return { fired: this.#fired, parked: this.#parked };
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#running.size === 0;
  }

  get isFiring(): boolean {
    return this.#running.size > 0;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** When the first of those that wait, of this shard, was due. */
  oldestDueMs(shard: number): number | undefined {
    let oldestMs: number | undefined;
    for (const stream of this.#streams.values()) {
      const [first] = stream.pending;
      if (first?.shard === shard && first.dueMs < (oldestMs ?? Number.POSITIVE_INFINITY)) oldestMs = first.dueMs;
    }
    return oldestMs;
  }

  /** Reads the topics that these timers are for: called before `take`. Errors: `StoreUnavailable`. */
  async prepare(timers: readonly Timer[]): Promise<void> {
    const names = new Set(timers.flatMap((timer) => (timer.kind === "message" ? [timer.topic] : [])));
    const found = await Promise.all([...names].map(async (name) => [name, await this.#firing.topics.lookUp(name)] as const));
    this.#topics.clear();
    for (const [name, topic] of found) this.#topics.set(name, topic);
  }

  /** A moment, for `isTaken`: before a page of timers is asked for. */
  mark(): number {
    return this.#ended;
  }

  /** Whether it is in memory, or was fired after the moment that a page with it was asked for. */
  isTaken(timer: Timer, mark: number): boolean {
    const place = placeOf(timer);
    return this.#taken.has(place) || (this.#lately.get(place) ?? -1) >= mark;
  }

  /** For how many more timers of the stream there is room: the fewer it has, the less it matters how many others have. */
  roomFor(stream: string): number {
    const { pending } = this.#streams.get(stream) ?? NOTHING;
    const room = ({ stream: own, all }: { readonly stream: number; readonly all: number }) =>
      Math.min(own - pending.length, all - this.#waiting);
    return Math.max(0, ...TIMERS_IN_MEMORY.map(room));
  }

  /** Whether so little of a stream is in memory that more is worth reading. */
  wants(stream: string): boolean {
    const pending = this.#streams.get(stream)?.pending.length ?? 0;
    const room = this.roomFor(stream);
    return pending === 0 ? room > 0 : pending < room && room >= REFILL_TIMERS_MIN;
  }

  /** Whether there was room: then it waits for its turn. */
  take(timer: Timer): boolean {
    const key = streamOf(timer);
    if (this.roomFor(key) === 0) return false;
    let stream = this.#streams.get(key);
    if (!stream) {
      const lane = this.#laneOf(timer);
      if (!lane) return false;
      stream = { key, shard: timer.shard, lane, pending: [], firing: 0, dropped: false };
      this.#streams.set(key, stream);
    }
    stream.lane.push(stream, timer);
    this.#busy.add(stream.lane);
    this.#taken.add(placeOf(timer));
    this.#waiting++;
    return true;
  }

  /** Starts what can start. */
  go(): void {
    this.#messageSlots.wake();
    this.#checkSlots.wake();
    const nowMs = this.#firing.clock.nowMs();
    for (const lane of [...this.#busy]) {
      while (lane.isReady(nowMs) && !this.#stopping.signal.aborted) this.#start(lane);
      this.#busy.delete(lane);
      if (lane.waiting > 0) this.#busy.add(lane);
    }
  }

  /** Forgets what waits in a shard that someone else scans from now on. */
  release(shard: number): void {
    for (const stream of [...this.#streams.values()]) if (stream.shard === shard) this.#remove(stream);
  }

  /** Resolves once nothing is under way; no more is started. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #start(lane: FiringLane): void {
    const batch = lane.take();
    this.#waiting -= batch.timers.length;
    const running = this.#run(lane, batch).finally(() => {
      this.#running.delete(running);
      this.#options.onProgress();
    });
    this.#running.add(running);
    for (const stream of new Set(batch.streams)) if (this.wants(stream.key)) this.#options.onRoom(stream.shard);
  }

  async #run(lane: FiringLane, batch: Batch): Promise<void> {
    let fired: Fired;
    try {
      await this.#units(lane, batch.timers);
      fired = await lane.kind.fire(batch.timers);
      lane.succeeded();
    } catch (error) {
      // Whatever it is, it must stop this lane and no other.
      this.#options.onFailure(error);
      fired = { left: batch.timers };
    }
    const left = new Set(fired.left ?? []);
    lane.over(batch, left);
    this.#waiting += left.size;
    for (const timer of batch.timers) if (!left.has(timer)) this.#end(timer);
    for (const stream of new Set(batch.streams)) this.#settle(stream);
    if (fired.reroute) for (const stream of lane.streams) this.#drop(stream);
    if (lane.waiting > 0) this.#busy.add(lane);
    if (left.size > 0 && !fired.reroute) this.#pause(lane, batch.timers.length);
    this.go();
  }

  #end(timer: Timer): void {
    const place = placeOf(timer);
    this.#taken.delete(place);
    this.#lately.delete(place);
    this.#lately.set(place, this.#ended++);
    if (this.#lately.size <= LATELY_MAX) return;
    const [oldest] = this.#lately.keys();
    if (oldest !== undefined) this.#lately.delete(oldest);
  }

  #pause(lane: FiringLane, count: number): void {
    const untilMs = lane.failed(this.#firing.clock.nowMs(), count, this.#options.random());
    this.#resumesMs = Math.min(this.#resumesMs, untilMs);
    this.#pauses.wake();
    if (!this.#pausing) void this.#waitForPauses();
  }

  /** Goes on with lanes whose pause is over. */
  async #waitForPauses(): Promise<void> {
    const { clock } = this.#firing;
    const { signal } = this.#stopping;
    this.#pausing = true;
    while (this.#resumesMs < Number.POSITIVE_INFINITY && !signal.aborted) {
      await this.#pauses.sleep(this.#resumesMs - clock.nowMs(), signal);
      if (clock.nowMs() < this.#resumesMs) continue;
      this.go();
      const paused = [...this.#busy].map(({ pausedUntilMs }) => pausedUntilMs).filter((untilMs) => untilMs > clock.nowMs());
      this.#resumesMs = Math.min(Number.POSITIVE_INFINITY, ...paused);
    }
    this.#pausing = false;
  }

  async #units(lane: FiringLane, timers: readonly Timer[]): Promise<void> {
    const units = new Map<number, number>();
    for (const timer of timers) units.set(timer.shard, (units.get(timer.shard) ?? 0) + unitsOfTimer(timer));
    await Promise.all([...units].map(([shard, count]) => this.#options.unitsOf(shard).take(count, lane.flowOf(shard))));
  }

  /** A stream without timers is forgotten; what came back to one that was dropped is not kept. */
  #settle(stream: Stream): void {
    if (stream.dropped && stream.pending.length > 0) this.#drop(stream);
    if (stream.pending.length === 0 && stream.firing === 0 && this.#streams.get(stream.key) === stream)
      this.#streams.delete(stream.key);
  }

  #drop(stream: Stream): void {
    stream.dropped = true;
    const [first] = this.#remove(stream);
    if (first) this.#options.onDropped(stream.key, first);
  }

  #remove(stream: Stream): readonly Timer[] {
    const removed = stream.lane.remove(stream);
    this.#waiting -= removed.length;
    for (const timer of removed) this.#taken.delete(placeOf(timer));
    this.#settle(stream);
    return removed;
  }

  /** `undefined`: not now, since the queues of message groups change. */
  #laneOf(timer: Timer): FiringLane | undefined {
    if (timer.kind === "tombstone") return this.#lane("tombstones", () => this.#tombstones());
    if (timer.kind === "check") return this.#lane(aimOf(timer), () => this.#checks());
    const { topic: name, topicUid, groupHash } = timer;
    const topic = this.#topics.get(name);
    if (topic?.uid !== topicUid) return this.#lane("homeless", () => this.#homeless());
    if (groupHash === undefined) {
      return this.#lane(aimOf(timer), () => this.#messages(timer, timer.priority === undefined ? ANYWHERE_AT_ONCE : 1));
    }
    if (topic.heldUntilMs > 0) return undefined;
    const { writeQueues } = topic;
    return this.#lane(`${topicUid}#q${boundQueue(topic, timer)}/${writeQueues}`, () => this.#messages(timer, 1, writeQueues));
  }

  #lane(key: string, kindOf: () => LaneKind): FiringLane {
    const known = this.#lanes.get(key);
    if (known) return known;
    // Lanes that have nothing to do are not kept: there may be one for each queue there is.
    for (const [old, lane] of this.#lanes) if (lane.waiting === 0 && lane.firing === 0) this.#lanes.delete(old);
    const lane = new FiringLane(kindOf());
    this.#lanes.set(key, lane);
    return lane;
  }

  /** `writeQueues`: those that message groups were sorted by. */
  #messages({ topic: name, topicUid }: MessageTimer, atOnce: number, writeQueues?: number): LaneKind {
    return {
      atOnce,
      timersPerBatch: TIMERS_PER_BATCH_MAX,
      fitting: (timers) => batchOf(timers as readonly MessageTimer[]),
      fire: (timers) =>
        this.#messageSlots.run(async () => {
          const batch = timers as readonly MessageTimer[];
          const topic = await this.#firing.topics.lookUp(name);
          const known = topic?.uid === topicUid ? topic : undefined;
          if (!known || (writeQueues !== undefined && known.writeQueues !== writeQueues)) return { left: timers, reroute: true };
          const [first] = batch;
          try {
            const bound = first && boundQueue(known, first);
            const { fired, parked } = await this.#weighed(batch, () => fireBatch(this.#firing, known, bound, batch));
            this.#fired += fired;
            this.#parked += parked;
            return {};
          } catch (error) {
            // Until the queues of message groups stand again.
            if (!BrokerError.is(error) || error.code !== "SERVER_BUSY") throw error;
            this.#firing.topics.forget(name);
            return { left: timers };
          }
        }),
    };
  }

  #checks(): LaneKind {
    return {
      atOnce: CHECK_BATCHES_PER_GROUP,
      timersPerBatch: CHECKS_PER_BATCH_MAX,
      fitting: (timers) => timers.length,
      fire: (timers) =>
        this.#checkSlots.run(async () => {
          const { left } = await this.#firing.checksDue(timers as readonly CheckTimer[]);
          this.#fired += timers.length - left.length;
          return { left };
        }),
    };
  }

  #tombstones(): LaneKind {
    return {
      atOnce: 1,
      timersPerBatch: TOMBSTONES_PER_BATCH_MAX,
      fitting: (timers) => timers.length,
      fire: async (timers) => {
        await Promise.all(timers.map((timer) => clearTombstone(this.#firing.items, timer as Tombstone)));
        return {};
      },
    };
  }

  #homeless(): LaneKind {
    return {
      atOnce: 1,
      timersPerBatch: PARKED_TOGETHER_MAX,
      fitting: (timers) => timers.length,
      fire: async (timers) => {
        const { parked, left } = await parkHomeless(this.#firing, timers as readonly MessageTimer[]);
        this.#parked += parked;
        return { left, reroute: left.length > 0 };
      },
    };
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
}

const NOTHING: Pick<Stream, "pending"> = { pending: [] };

const placeOf = ({ shard, dueMs, id }: Timer): string => `${shard}/${dueMs}/${id}`;
