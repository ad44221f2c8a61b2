import { BrokerError } from "../errors.ts";
import { WAITERS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";

/** Why a wait ended: something arrived in these queues; it is time to look for other processes' writes; or its time has come. */
export type Woken = { readonly by: "ring"; readonly queues: RungQueues } | { readonly by: "poll" | "time" };

/** One waiting request. It is registered before it looks, so that it misses nothing that arrives meanwhile. */
export interface Waiter {
  /** Resolves when rung, when it is time to poll, after `ms`, or when the request is over. */
  wait(ms: number): Promise<Woken>;
  /**
   * Must be called at the end. A ring that came too late to be used goes to the next waiter of the lane. So does `passOn`: `"visited"`
   * if the queues that this waiter last visited may have more; `"everything"` if something falls due that others do not know of.
   */
  leave(passOn: PassOn): void;
}

export type PassOn = "nothing" | "visited" | "everything";

/** The queues of each lane in which something arrived; `"any"` if unknown. */
export type RungQueues = ReadonlyMap<string, ReadonlySet<number> | "any">;

interface WaitingLane {
  readonly lane: string;
  /** Messages sent to this topic ring the lane. */
  readonly topicUid?: string;
}

interface Entry {
  readonly lanes: readonly string[];
  /** How many waits there were so far. */
  waits: number;
  /** The queues in which something arrived since it last looked. */
  rung: Map<string, Set<number> | "any"> | undefined;
  /** The queues that it last visited. Absent: all. */
  visited: RungQueues | undefined;
  wake: (() => void) | undefined;
}

interface Polling {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * Rings waiting requests of this process when something arrives.
 *
 * A lane names what a request waits for. `g:<subscription uid>`: consumers of a group. One waiter is rung at a time and passes the ring
 * on once it has found something, so fifty waiters do not race for one message. `k:<producer group>`: receives of checks, likewise.
 * `q:<topic uid>`: pulls, and `a:<group uid>`: changes of a group, where all are rung.
 */
export class Arrivals {
  readonly #clock: Clock;
  readonly #polling: Polling | undefined;
  readonly #lanes = new Map<string, Set<Entry>>();
  readonly #byTopic = new Map<string, Map<string, number>>();
  readonly #stopping = new AbortController();
  #waiters = 0;

  /** `polling`: given if other processes write to the store too, since their writes ring nobody here. */
  constructor(clock: Clock, polling?: Polling) {
    this.#clock = clock;
    this.#polling = polling;
  }

  /** Errors: TOO_MANY_REQUESTS when 10,000 requests wait already. */
  join(waitingLanes: readonly WaitingLane[], signal?: AbortSignal): Waiter {
    if (this.#waiters >= WAITERS_MAX)
      throw new BrokerError("TOO_MANY_REQUESTS", "Too many requests wait already. Use waitSeconds 0 for a while.");
    this.#waiters++;
    const entry: Entry = {
      lanes: waitingLanes.map(({ lane }) => lane),
      waits: 0,
      rung: undefined,
      visited: undefined,
      wake: undefined,
    };
    for (const { topicUid, lane } of waitingLanes) {
      getOrAdd(this.#lanes, lane, () => new Set<Entry>()).add(entry);
      if (topicUid === undefined) continue;
      const lanes = getOrAdd(this.#byTopic, topicUid, () => new Map<string, number>());
      lanes.set(lane, (lanes.get(lane) ?? 0) + 1);
    }
    return {
      wait: (ms) => this.#wait(entry, ms, signal),
      leave: (passOn) =>
        this.#leave(
          entry,
          waitingLanes,
          passOn === "visited" ? (entry.visited ?? EVERYWHERE) : passOn === "everything" ? EVERYWHERE : undefined,
        ),
    };
  }

  /** Messages were appended to a topic, or to one queue of it. */
  topicRings(topicUid: string, queueId?: number): void {
    for (const lane of this.#byTopic.get(topicUid)?.keys() ?? []) this.ring(lane, queueId);
  }

  /** Something fell due, or will, for the waiters of this lane; in this queue, if one is named. */
  ring(lane: string, queueId?: number): void {
    let last: Entry | undefined;
    for (const entry of this.#lanes.get(lane) ?? []) {
      last = entry;
      const idle = !entry.rung;
      if (!idle && !ringsAll(lane)) continue;
      tell(entry, lane, queueId);
      entry.wake?.();
      if (!ringsAll(lane)) return;
    }
    // All are woken already, and look at the queues that they were told: one of them is told of this queue too.
    if (last && !ringsAll(lane)) tell(last, lane, queueId);
  }

  /** Every write to the store rings here: no other process makes any. */
  get hearsAll(): boolean {
    return this.#polling === undefined;
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Ends every wait, now and from now on. */
  stop(): void {
    this.#stopping.abort();
    for (const entries of this.#lanes.values()) for (const entry of entries) entry.wake?.();
  }

  async #wait(entry: Entry, leftMs: number, signal: AbortSignal | undefined): Promise<Woken> {
    if (entry.rung) return this.#answer(entry, entry.rung);
    const ended = new AbortController();
    const end = (): void => ended.abort();
    entry.wake = end;
    signal?.addEventListener("abort", end, { once: true });
    const over = signal?.aborted || this.#stopping.signal.aborted;
    const pollMs = this.#pollMs(entry.waits++);
    const ms = Math.min(leftMs, pollMs);
    if (!over && ms > 0) await this.#clock.sleep(ms, ended.signal);
    signal?.removeEventListener("abort", end);
    entry.wake = undefined;
    if (entry.rung) return this.#answer(entry, entry.rung);
    entry.visited = undefined;
    return { by: pollMs < leftMs ? "poll" : "time" };
  }

  #pollMs(waits: number): number {
    if (!this.#polling) return Number.POSITIVE_INFINITY;
    return Math.min(this.#polling.mostMs, this.#polling.firstMs * (waits + 1));
  }

  /** Moves the waiter behind the others of its lanes, so that rings go round. */
  #answer(entry: Entry, queues: Map<string, Set<number> | "any">): Woken {
    entry.rung = undefined;
    entry.visited = queues;
    for (const lane of entry.lanes) {
      const entries = this.#lanes.get(lane);
      if (entries?.delete(entry)) entries.add(entry);
    }
    return { by: "ring", queues };
  }

  #leave(entry: Entry, waitingLanes: readonly WaitingLane[], passOn: RungQueues | undefined): void {
    this.#waiters--;
    for (const { topicUid, lane } of waitingLanes) {
      const entries = this.#lanes.get(lane);
      entries?.delete(entry);
      if (entries?.size === 0) this.#lanes.delete(lane);
      if (!ringsAll(lane)) for (const queues of [entry.rung, passOn]) this.#pass(lane, queues);
      if (topicUid === undefined) continue;
      const lanes = this.#byTopic.get(topicUid);
      const others = (lanes?.get(lane) ?? 1) - 1;
      if (others > 0) lanes?.set(lane, others);
      else lanes?.delete(lane);
      if (lanes?.size === 0) this.#byTopic.delete(topicUid);
    }
  }

  #pass(lane: string, queues: RungQueues | undefined): void {
    const these = queues === EVERYWHERE ? "any" : queues?.get(lane);
    if (these === "any") this.ring(lane);
    else for (const queueId of these ?? []) this.ring(lane, queueId);
  }
}

const EVERYWHERE: RungQueues = new Map();

/** Notes the queue in which something arrived. */
function tell(entry: Entry, lane: string, queueId: number | undefined): void {
  entry.rung ??= new Map();
  const known = entry.rung.get(lane);
  if (queueId === undefined) entry.rung.set(lane, "any");
  else if (known === undefined) entry.rung.set(lane, new Set([queueId]));
  else if (known !== "any") known.add(queueId);
}

const PULL_LANE = "q:";
const GROUP_LANE = "a:";
const ringsAll = (lane: string): boolean => lane.startsWith(PULL_LANE) || lane.startsWith(GROUP_LANE);
export const consumerLane = (subscriptionUid: string): string => `g:${subscriptionUid}`;
/** Rung when a group or its subscriptions change. */
export const groupLane = (groupUid: string): string => GROUP_LANE + groupUid;
export const pullLane = (topicUid: string): string => PULL_LANE + topicUid;

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
