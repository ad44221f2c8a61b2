import { StoreUnavailable } from "../ports/store-failures.ts";
import type { Topic } from "../terms.ts";
import { Sleeper } from "../wake/sleeper.ts";
import type { Firing } from "./fire-batch.ts";
import { type Batch, type Fired, FiringLane, type LaneKind, type Stream } from "./firing-lane.ts";
import type { HeldShards } from "./held-shards.ts";
import { LaneKinds } from "./lane-kinds.ts";
import { spaceOfLane, spaceOfStream } from "./memory-space.ts";
import type { Cursor } from "./passed-over.ts";
import { laneOf, type ReadTimer, type TopicsNow } from "./route.ts";
import type { ShardUnits } from "./shard-units.ts";
import { TakenTimers } from "./taken-timers.ts";
import { unitsOfTimer } from "./timer.ts";
import { REFILL_TIMERS_MIN } from "./timer-limits.ts";

export interface LanesOptions {
  readonly firing: Firing;
  readonly random: () => number;
  readonly held: () => HeldShards;
  /** Write units of each shard. */
  readonly unitsOf: (shard: number) => ShardUnits;
  /** Told the error of each failed batch. */
  readonly onFailure: (error: unknown) => void;
  /** There is room again for a stream of this shard. */
  readonly onSpace: (shard: number) => void;
  /** The stream's timers must be read again from this one on. It was in this lane. */
  readonly onDropped: (first: ReadTimer, lane: string) => void;
  /** A batch ended. */
  readonly onProgress: () => void;
}

/**
 * The due timers in memory. Each belongs to a stream, whose order is kept, and each stream leads to a lane: a queue with the messages
 * bound to it, a topic's messages that may go to any queue, a producer group's checks, tombstones, or messages to park. Lanes run side
 * by side for as long as the scanner does, and none waits for another.
 */
export class FiringLanes {
  readonly #options: LanesOptions;
  readonly #firing: Firing;
  readonly #streams = new Map<string, Stream>();
  readonly #lanes = new Map<string, FiringLane>();
  /** The lanes with waiting timers. After its turn, a lane goes to the end. */
  readonly #busy = new Set<FiringLane>();
  readonly #running = new Set<Promise<void>>();
  readonly #underWay = new Set<Batch>();
  readonly #taken = new TakenTimers();
  readonly #kinds: LaneKinds;
  readonly #stopping = new AbortController();
  readonly #pauses: Sleeper;
  /** When the first lane resumes. */
  #resumesMs = Number.POSITIVE_INFINITY;
  #pausing = false;
  #waiting = 0;

  constructor(options: LanesOptions) {
    const { firing, held } = options;
    this.#options = options;
    this.#firing = firing;
    this.#kinds = new LaneKinds(firing, held);
    this.#pauses = new Sleeper(firing.clock);
  }

  get report(): { readonly fired: number; readonly parked: number } {
    return this.#kinds.report;
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#running.size === 0;
  }

  get isFiring(): boolean {
    return this.#running.size > 0;
  }

  /** Timers in memory. */
  get size(): number {
    return this.#taken.size;
  }

  /** The due time of the shard's oldest timer that waits or is under way. */
  oldestDueMs(shard: number): number | undefined {
    let oldestMs: number | undefined;
    for (const { timers } of this.#underWay)
      for (const { timer } of timers)
        if (timer.shard === shard && timer.dueMs < (oldestMs ?? Number.POSITIVE_INFINITY)) oldestMs = timer.dueMs;
    for (const stream of this.#streams.values()) {
      const dueMs = stream.shard === shard ? stream.pending[0]?.timer.dueMs : undefined;
      if (dueMs !== undefined && dueMs < (oldestMs ?? Number.POSITIVE_INFINITY)) oldestMs = dueMs;
    }
    return oldestMs;
  }

  /** The topics of these timers, for `take`. Errors: `StoreUnavailable`. */
  async topicsOf(read: readonly ReadTimer[]): Promise<TopicsNow> {
    const names = new Set(read.flatMap(({ timer }) => (timer.kind === "message" ? [timer.topic] : [])));
    const topics = new Map<string, Topic>();
    const lookUp = async (name: string): Promise<void> => {
      const topic = await this.#firing.topics.lookUp(name);
      if (topic) topics.set(name, topic);
    };
    await Promise.all([...names].map(lookUp));
    return topics;
  }

  /** A moment before a page of timers is queried, for `isTaken`. */
  mark(): number {
    return this.#taken.mark();
  }

  /** Whether the timer is in memory, or was fired after its page was queried (`mark`). */
  isTaken(read: ReadTimer, mark: number): boolean {
    return this.#taken.has(read, mark);
  }

  /** How many more timers of this one's stream fit. `lane`: its lane, used if none of the stream is in memory. */
  spaceFor({ stream: key, timer: { shard } }: ReadTimer, lane: string): number {
    const stream = this.#streams.get(key);
    if (stream?.dropped) return 0;
    const inLane = (stream?.lane ?? this.#lanes.get(lane))?.waitingOf(shard) ?? 0;
    return spaceOfStream({ stream: stream?.pending.length ?? 0, lane: inLane, all: this.#waiting });
  }

  /** How many timers to read again from this cursor on. 0 unless there is room and a read is worthwhile. */
  wanted({ read, lane, isOfLane }: Cursor): number {
    const space = this.spaceFor(read, lane);
    if (isOfLane && space > 0) {
      const inLane = this.#lanes.get(lane)?.waitingOf(read.timer.shard) ?? 0;
      const more = spaceOfLane({ lane: inLane, all: this.#waiting });
      return inLane <= more ? more : 0;
    }
    const pending = this.#streams.get(read.stream)?.pending.length ?? 0;
    return pending === 0 || (pending < space && space >= REFILL_TIMERS_MIN) ? space : 0;
  }

  /** Takes the timer into memory if there is room. Answers whether there was. */
  take(read: ReadTimer, topics: TopicsNow): boolean {
    const { stream: key, timer } = read;
    let stream = this.#streams.get(key);
    const laneKey = stream?.lane.key ?? laneOf(timer, topics);
    if (this.spaceFor(read, laneKey) === 0) return false;
    if (!stream) {
      const lane = this.#laneOf(read, laneKey, topics);
      if (!lane) return false;
      stream = { key, shard: timer.shard, lane, pending: [], firing: 0, dropped: false };
      this.#streams.set(key, stream);
    }
    stream.lane.push(stream, read);
    this.#busy.add(stream.lane);
    this.#taken.add(read);
    this.#waiting++;
    return true;
  }

  /** Starts every batch that can start. */
  go(): void {
    this.#kinds.wake();
    const nowMs = this.#firing.clock.nowMs();
    for (const lane of [...this.#busy]) {
      while (lane.isReady(nowMs) && !this.#stopping.signal.aborted) this.#start(lane);
      this.#busy.delete(lane);
      if (lane.waiting > 0) this.#busy.add(lane);
    }
  }

  /** Forgets the timers that wait in a shard that another scanner has now, also those in batches that wait for units. */
  release(shard: number): void {
    for (const stream of [...this.#streams.values()]) {
      if (stream.shard !== shard) continue;
      stream.dropped = true;
      this.#remove(stream);
      // Where order is kept, the stream stays until its batch ends: the shard's timers are read again only after that.
      if (stream.lane.kind.atOnce > 1) this.#streams.delete(stream.key);
    }
    this.#options.unitsOf(shard).letGo();
  }

  /** Starts no more batches. Resolves once none is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #start(lane: FiringLane): void {
    const batch = lane.take();
    this.#waiting -= batch.timers.length;
    this.#underWay.add(batch);
    const running = this.#run(lane, batch).finally(() => {
      this.#underWay.delete(batch);
      this.#running.delete(running);
      this.#options.onProgress();
    });
    this.#running.add(running);
    for (const shard of new Set(batch.timers.map(({ timer }) => timer.shard))) this.#options.onSpace(shard);
  }

  async #run(lane: FiringLane, batch: Batch): Promise<void> {
    let fired: Fired;
    let kept = batch.timers;
    try {
      await this.#units(lane, batch.timers);
      // Timers of streams that were dropped while the batch waited belong to another scanner or lane now.
      kept = batch.timers.filter((_, at) => !batch.streams[at]?.dropped);
      fired = this.#stopping.signal.aborted || kept.length === 0 ? { left: kept } : await lane.kind.fire(kept);
      lane.succeeded();
    } catch (error) {
      // Whatever the error is, it must stop this lane only.
      this.#options.onFailure(error);
      if (StoreUnavailable.is(error) && error.reason === "throttled")
        for (const { shard } of new Set(batch.streams)) this.#options.unitsOf(shard).refused();
      fired = { left: kept };
    }
    const { left: still = [], reroute } = fired;
    const left = new Set(still);
    if (kept.length < batch.timers.length) {
      const tried = new Set(kept);
      for (const timer of batch.timers) if (!tried.has(timer)) left.add(timer);
    }
    lane.over(batch, left);
    this.#waiting += left.size;
    for (const timer of batch.timers) if (!left.has(timer)) this.#taken.done(timer);
    for (const stream of new Set(batch.streams)) this.#settle(stream);
    if (reroute) for (const stream of lane.streams) this.#drop(stream);
    if (lane.waiting > 0) this.#busy.add(lane);
    if (still.length > 0 && !reroute) this.#pause(lane, batch.timers.length);
    this.go();
  }

  #pause(lane: FiringLane, count: number): void {
    const untilMs = lane.failed(this.#firing.clock.nowMs(), count, this.#options.random());
    this.#resumesMs = Math.min(this.#resumesMs, untilMs);
    this.#pauses.wake();
    if (!this.#pausing) void this.#waitForPauses();
  }

  /** Resumes lanes whose pause is over. */
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

  async #units(lane: FiringLane, read: readonly ReadTimer[]): Promise<void> {
    const units = new Map<number, number>();
    for (const { timer } of read) units.set(timer.shard, (units.get(timer.shard) ?? 0) + unitsOfTimer(timer));
    await Promise.all([...units].map(([shard, count]) => this.#options.unitsOf(shard).take(count, lane.flowOf(shard))));
  }

  /** Forgets a stream without timers. Timers that returned to a dropped stream are not kept. */
  #settle(stream: Stream): void {
    if (stream.dropped && stream.pending.length > 0) this.#drop(stream);
    if (stream.pending.length > 0 || stream.firing > 0 || this.#streams.get(stream.key) !== stream) return;
    this.#streams.delete(stream.key);
    if (stream.dropped) this.#options.onSpace(stream.shard);
  }

  #drop(stream: Stream): void {
    stream.dropped = true;
    const [first] = this.#remove(stream);
    if (first) this.#options.onDropped(first, stream.lane.key);
  }

  #remove(stream: Stream): readonly ReadTimer[] {
    const removed = stream.lane.remove(stream);
    this.#waiting -= removed.length;
    for (const read of removed) this.#taken.forget(read);
    this.#settle(stream);
    return removed;
  }

  /** `undefined`: not now, because the queues of message groups are changing. */
  #laneOf({ timer }: ReadTimer, key: string, topics: TopicsNow): FiringLane | undefined {
    const kinds = this.#kinds;
    if (timer.kind === "tombstone") return this.#lane(key, () => kinds.tombstones());
    if (timer.kind === "check") return this.#lane(key, () => kinds.checks());
    const { topicUid, groupHash } = timer;
    const topic = topics.get(timer.topic);
    if (topic?.uid !== topicUid) return this.#lane(key, () => kinds.orphaned());
    if (groupHash === undefined) return this.#lane(key, () => kinds.messages(timer));
    return topic.heldUntilMs > 0 ? undefined : this.#lane(key, () => kinds.ordered(timer, topic.writeQueues));
  }

  #lane(key: string, kindOf: () => LaneKind): FiringLane {
    const known = this.#lanes.get(key);
    if (known) return known;
    // Idle lanes are not kept, because there may be one for every queue.
    for (const [old, lane] of this.#lanes) if (lane.waiting === 0 && lane.firing === 0) this.#lanes.delete(old);
    const lane = new FiringLane(key, kindOf());
    this.#lanes.set(key, lane);
    return lane;
  }
}
