import { LRUCache } from "lru-cache";
import {
  QUEUE_FAILURE_LATENCY_MS,
  QUEUE_TIMEOUTS_MS,
  STICKY_MS_MAX,
  STRANGE_QUEUE_MS,
  TAIL_CACHE_MS,
  TOPICS_CHOSEN_FOR_MAX,
} from "../log/log-limits.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { growingTo } from "../store/growing-to.ts";
import type { Topic } from "../terms.ts";

/**
 * `roundRobin` spreads evenly, but keeps together what can share a write; `sticky` stays where the tail is known, which saves a read per
 * send.
 */
export type QueueChoicePolicy = "roundRobin" | "sticky";

/** The outcome of an append to a queue. */
export type AppendOutcomeSeen = { readonly latencyMs: number; readonly lostRaces: number } | "failed";

interface Sending {
  turn: number;
  /** The queue that was chosen last, in turn. */
  last: number | undefined;
  /** The queue that sends stay on, since when, and its last use. */
  stuck: { readonly queueId: number; readonly sinceMs: number; usedAtMs: number } | undefined;
  /** The queue on which a race was last lost. */
  left: number | undefined;
  /** Until when each queue is avoided. */
  readonly timeouts: Map<number, number>;
}

interface ChoiceDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<QueueLog, "gathers">;
}

/**
 * Finds a queue for messages that may go to any.
 *
 * Round robin: goes from one to the next, but stays where messages wait that can share their write, unless that queue fails. Source:
 * Kafka's KIP-480.
 *
 * Sticky: stays on a queue while its cached tail is valid (a second) but ten seconds at most, and leaves it after a lost race, a slow
 * append or a failed one. Slow and failed queues are avoided for a while: the slower, the longer. If all are avoided, the one whose
 * time ends first is taken. Source: RocketMQ's LatencyFaultToleranceImpl and MQFaultStrategy.
 */
export class QueueChoice {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: ChoiceDependencies["log"];
  readonly #policy: QueueChoicePolicy;
  readonly #topics = new LRUCache<string, Sending>(growingTo(TOPICS_CHOSEN_FOR_MAX));

  constructor({ clock, random, log }: ChoiceDependencies, policy: QueueChoicePolicy) {
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#policy = policy;
  }

  /** `prefers`: queues that no other sender uses now. Another is taken only if all of these are slow for STRANGE_QUEUE_MS. */
  choose(topic: Pick<Topic, "uid" | "writeQueues">, prefers?: (queueId: number) => boolean): number {
    const sending = this.#sending(topic.uid);
    const { writeQueues } = topic;
    if (this.#policy === "roundRobin") {
      const { last } = sending;
      if (last !== undefined && last < writeQueues && this.#log.gathers(topic.uid, last)) return last;
      sending.last = sending.turn++ % writeQueues;
      return sending.last;
    }
    const nowMs = this.#clock.nowMs();
    const { stuck } = sending;
    if (stuck && stuck.queueId < writeQueues && this.#stays(stuck, nowMs) && (prefers?.(stuck.queueId) ?? true)) {
      stuck.usedAtMs = nowMs;
      return stuck.queueId;
    }
    const queueId = this.#another(sending, writeQueues, nowMs, prefers);
    sending.stuck = { queueId, sinceMs: nowMs, usedAtMs: nowMs };
    return queueId;
  }

  /** Learns from the outcome of an append for the next choice. */
  saw(topicUid: string, queueId: number, outcome: AppendOutcomeSeen): void {
    const sending = this.#sending(topicUid);
    if (outcome === "failed" && sending.last === queueId) sending.last = undefined;
    if (this.#policy === "roundRobin") return;
    const latencyMs = outcome === "failed" ? QUEUE_FAILURE_LATENCY_MS : outcome.latencyMs;
    const timeoutMs = QUEUE_TIMEOUTS_MS.findLast((step) => latencyMs >= step.latencyMs)?.timeoutMs ?? 0;
    if (timeoutMs > 0) sending.timeouts.set(queueId, this.#clock.nowMs() + timeoutMs);
    else sending.timeouts.delete(queueId);
    const lost = outcome !== "failed" && outcome.lostRaces > 0;
    if (lost) sending.left = queueId;
    if ((lost || timeoutMs > 0) && sending.stuck?.queueId === queueId) sending.stuck = undefined;
  }

  #stays(stuck: { readonly sinceMs: number; readonly usedAtMs: number }, nowMs: number): boolean {
    const idleMs = nowMs - stuck.usedAtMs;
    return idleMs >= 0 && idleMs <= TAIL_CACHE_MS && nowMs - stuck.sinceMs <= STICKY_MS_MAX;
  }

  #another(sending: Sending, writeQueues: number, nowMs: number, prefers: (queueId: number) => boolean = () => true): number {
    const start = Math.floor(this.#random.fraction() * writeQueues);
    let best = start;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let step = 0; step < writeQueues; step++) {
      const queueId = (start + step) % writeQueues;
      const untilMs = Math.max(nowMs, sending.timeouts.get(queueId) ?? 0);
      // Of two equally free queues, prefer the one on which no race was lost.
      const rank = untilMs + (prefers(queueId) ? 0 : STRANGE_QUEUE_MS) + (queueId === sending.left ? 1 : 0);
      if (rank < bestMs) {
        best = queueId;
        bestMs = rank;
      }
    }
    return best;
  }

  #sending(topicUid: string): Sending {
    const known = this.#topics.get(topicUid);
    if (known) return known;
    const turn = Math.floor(this.#random.fraction() * 2 ** 16);
    const sending: Sending = { turn, last: undefined, stuck: undefined, left: undefined, timeouts: new Map() };
    this.#topics.set(topicUid, sending);
    return sending;
  }
}
