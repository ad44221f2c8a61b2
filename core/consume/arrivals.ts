import { BrokerError } from "../errors.ts";
import { WAITERS_MAX } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";

/** Why a wait ended: something arrived; other processes may have written; or its time has come. */
export type Woken = "ring" | "poll" | "time";

/** One request that waits. Registered before it looks, so that nothing that arrives while it looks is missed. */
export interface Waiter {
  /** Resolves when rung, when it is time to poll, at `untilMs`, or when the request is over. */
  wait(untilMs: number): Promise<Woken>;
  /** Must be called at the end. A ring that came too late to be used goes to the next waiter of the lane. */
  leave(found: boolean): void;
}

interface WaitingLane {
  readonly lane: string;
  /** Rung by what is sent to this topic. */
  readonly topicUid?: string;
}

interface Entry {
  readonly lanes: readonly string[];
  /** Waits so far. */
  waits: number;
  rung: boolean;
  wake: (() => void) | undefined;
}

interface Polling {
  readonly firstMs: number;
  readonly mostMs: number;
}

/**
 * Rings waiting requests of this process when something arrives.
 *
 * A lane is what one waits for: `g:<subscription uid>` for the consumers of a group, where one waiter is rung at a time and
 * passes the ring on once it has found something (fifty waiters do not race for one message); `k:<producer group>` for those who
 * answer checks, likewise; `q:<topic uid>` for pulls, where all are rung.
 */
export class Arrivals {
  readonly #clock: Clock;
  readonly #polling: Polling | undefined;
  readonly #lanes = new Map<string, Set<Entry>>();
  readonly #byTopic = new Map<string, Map<string, number>>();
  readonly #stopping = new AbortController();
  #waiters = 0;

  /** `polling`: other processes write to the store too, and what they write rings nobody here. */
  constructor(clock: Clock, polling?: Polling) {
    this.#clock = clock;
    this.#polling = polling;
  }

  /** Errors: TOO_MANY_REQUESTS when 10,000 requests wait already. */
  join(waitingLanes: readonly WaitingLane[], signal?: AbortSignal): Waiter {
    if (this.#waiters >= WAITERS_MAX)
      throw new BrokerError("TOO_MANY_REQUESTS", "Too many requests wait already. Use waitSeconds 0 for a while.");
    this.#waiters++;
    const entry: Entry = { lanes: waitingLanes.map(({ lane }) => lane), waits: 0, rung: false, wake: undefined };
    for (const { topicUid, lane } of waitingLanes) {
      getOrAdd(this.#lanes, lane, () => new Set<Entry>()).add(entry);
      if (topicUid === undefined) continue;
      const lanes = getOrAdd(this.#byTopic, topicUid, () => new Map<string, number>());
      lanes.set(lane, (lanes.get(lane) ?? 0) + 1);
    }
    return {
      wait: (untilMs) => this.#wait(entry, untilMs, signal),
      leave: (found) => this.#leave(entry, waitingLanes, found),
    };
  }

  /** Messages were appended to a topic. */
  topicRings(topicUid: string): void {
    for (const lane of this.#byTopic.get(topicUid)?.keys() ?? []) this.ring(lane);
  }

  /** Something fell due, or will, for those who wait in this lane. */
  ring(lane: string): void {
    for (const entry of this.#lanes.get(lane) ?? []) {
      if (entry.rung) continue;
      entry.rung = true;
      entry.wake?.();
      if (!lane.startsWith(PULL_LANE)) return;
    }
  }

  get stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Ends every wait, now and from now on. */
  stop(): void {
    this.#stopping.abort();
    for (const entries of this.#lanes.values()) for (const entry of entries) entry.wake?.();
  }

  async #wait(entry: Entry, untilMs: number, signal: AbortSignal | undefined): Promise<Woken> {
    if (entry.rung) return this.#answer(entry);
    const ended = new AbortController();
    const end = (): void => ended.abort();
    entry.wake = end;
    signal?.addEventListener("abort", end, { once: true });
    const over = signal?.aborted || this.#stopping.signal.aborted;
    const pollMs = this.#pollMs(entry.waits++);
    const leftMs = untilMs - this.#clock.nowMs();
    const ms = Math.min(leftMs, pollMs);
    if (!over && ms > 0) await this.#clock.sleep(ms, ended.signal);
    signal?.removeEventListener("abort", end);
    entry.wake = undefined;
    if (entry.rung) return this.#answer(entry);
    return pollMs < leftMs ? "poll" : "time";
  }

  #pollMs(waits: number): number {
    if (!this.#polling) return Number.POSITIVE_INFINITY;
    return Math.min(this.#polling.mostMs, this.#polling.firstMs * (waits + 1));
  }

  /** Behind the others of its lanes from now on: rings go round. */
  #answer(entry: Entry): "ring" {
    entry.rung = false;
    for (const lane of entry.lanes) {
      const entries = this.#lanes.get(lane);
      if (entries?.delete(entry)) entries.add(entry);
    }
    return "ring";
  }

  #leave(entry: Entry, waitingLanes: readonly WaitingLane[], found: boolean): void {
    this.#waiters--;
    for (const { topicUid, lane } of waitingLanes) {
      const entries = this.#lanes.get(lane);
      entries?.delete(entry);
      if (entries?.size === 0) this.#lanes.delete(lane);
      if (found || entry.rung) this.ring(lane);
      if (topicUid === undefined) continue;
      const lanes = this.#byTopic.get(topicUid);
      const others = (lanes?.get(lane) ?? 1) - 1;
      if (others > 0) lanes?.set(lane, others);
      else lanes?.delete(lane);
      if (lanes?.size === 0) this.#byTopic.delete(topicUid);
    }
  }
}

const PULL_LANE = "q:";
export const consumerLane = (subscriptionUid: string): string => `g:${subscriptionUid}`;
export const pullLane = (topicUid: string): string => PULL_LANE + topicUid;

function getOrAdd<T>(map: Map<string, T>, key: string, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
