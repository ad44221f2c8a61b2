import { topicKey } from "../keys.ts";
import { frameWeight } from "../log/frame.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { Events } from "../ports/events.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { queuesChange } from "../produce/fixed-queue.ts";
import type { QueueChoice } from "../produce/queue-choice.ts";
import { uidOf } from "../store/uid-items.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { Arrivals } from "../wake/arrivals.ts";
import { parkedKey, parking } from "./parked-timers.ts";
import { type CheckTimer, isMessage, type MessageTimer, timerKey, unitsOfTimer } from "./timer.ts";
import { BATCH_BYTES_MAX, BATCH_UNITS_MAX, FIRE_PATIENCE_MS, TIMERS_PER_BATCH_MAX } from "./timer-limits.ts";

export interface Firing {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly log: QueueLog;
  readonly topics: TopicRegistry;
  readonly choice: QueueChoice;
  readonly arrivals: Arrivals;
  /**
   * Makes the due checks of one producer group's transactions, CHECKS_PER_BATCH_MAX at most. Repeatable. Answers those that could not
   * be made now and stay due. Errors: `StoreUnavailable`.
   */
  readonly checksDue: (timers: readonly CheckTimer[]) => Promise<{ readonly left: readonly CheckTimer[] }>;
  readonly events: Events;
}

/** About the bytes that messages take in memory. */
export const weightOf = (timers: readonly MessageTimer[]): number =>
  timers.reduce((bytes, { frame }) => bytes + frameWeight(frame), 0);

/** How many of the first timers may be fired together, by their weight in memory and the write units that they take of their shards. */
export function batchOf(timers: readonly MessageTimer[]): number {
  let bytes = 0;
  const units = new Map<number, number>();
  const most = Math.min(timers.length, TIMERS_PER_BATCH_MAX);
  for (let count = 0; count < most; count++) {
    const timer = timers[count] as MessageTimer;
    bytes += frameWeight(timer.frame);
    const taken = (units.get(timer.shard) ?? 0) + unitsOfTimer(timer);
    if (count > 0 && (bytes > BATCH_BYTES_MAX || taken > BATCH_UNITS_MAX)) return count;
    units.set(timer.shard, taken);
  }
  return most;
}

/**
 * Delivers due messages of one topic to one queue. One transaction appends them and deletes their timers, so each is delivered once,
 * whoever tries. Messages that were cancelled or moved meanwhile are left out; unreadable ones are parked.
 * Errors: `StoreUnavailable`; SERVER_BUSY while the queues of message groups change.
 */
export async function fireBatch(
  firing: Firing,
  topic: Topic,
  queueId: number,
  timers: readonly MessageTimer[],
): Promise<{ readonly fired: number; readonly parked: number }> {
  const { log, clock, choice, arrivals } = firing;
  const { readable, parked } = await read(firing, timers);
  let batch = readable;
  while (batch.length > 0) {
    if (timers.some(({ groupHash }) => groupHash !== undefined)) await requireSameQueues(firing, topic);
    const startedAtMs = clock.nowMs();
    const outcome = await log.append(
      topic,
      queueId,
      batch.map(({ record }) => record),
      {
        companions: () => batch.map(({ timer }) => ({ kind: "delete", key: timerKey(timer), when: isMessage })),
        giveUpAtMs: startedAtMs + FIRE_PATIENCE_MS,
      },
    );
    if (outcome.status === "stored") {
      choice.saw(topic.uid, queueId, { latencyMs: clock.nowMs() - startedAtMs, lostRaces: outcome.lostRaces });
      arrivals.topicRings(topic.uid, queueId);
      return { fired: batch.length, parked };
    }
    batch = batch.filter((_, at) => !outcome.currents[at]);
  }
  return { fired: 0, parked };
}

/** Refuses to deliver message groups by a cached topic that is out of date: other senders may already use other queues. */
async function requireSameQueues({ topics }: Firing, topic: Topic): Promise<void> {
  const now = await topics.lookUp(topic.name);
  if (now?.uid === topic.uid && (now.writeQueues !== topic.writeQueues || now.heldUntilMs > 0)) throw queuesChange(topic);
}

interface Due {
  readonly timer: MessageTimer;
  readonly record: MessageRecord;
}

async function read(
  firing: Firing,
  timers: readonly MessageTimer[],
): Promise<{ readonly readable: readonly Due[]; readonly parked: number }> {
  let parked = 0;
  const dues = await Promise.all(
    timers.map(async (timer) => {
      try {
        return { timer, record: await firing.log.detached.decode(timer.frame, timer.chosenId ?? timer.id) };
      } catch (error) {
        if (!StoreCorrupt.is(error)) throw error;
        const count = await park(firing, [timer], `its stored form cannot be read: ${error.message}`);
        parked += count;
        return undefined;
      }
    }),
  );
  return { readable: dues.filter((due) => due !== undefined), parked };
}

/** Timers that one transaction parks, with two writes each. */
export const PARKED_TOGETHER_MAX = 40;

/** Parks messages of deleted topics. Answers those whose topic does exist according to the store. */
export async function parkOrphaned(
  firing: Firing,
  timers: readonly MessageTimer[],
): Promise<{ readonly parked: number; readonly left: readonly MessageTimer[] }> {
  const names = [...new Set(timers.map(({ topic }) => topic))];
  const stored = (await firing.items.batchGet(names.map(topicKey))).map((item) => item && uidOf(item));
  const uids = new Map(names.map((name, at) => [name, stored[at]]));
  const isOrphaned = ({ topic, topicUid }: MessageTimer): boolean => uids.get(topic) !== topicUid;
  for (const name of names) firing.topics.forget(name);
  const parked = await park(firing, timers.filter(isOrphaned), "its topic was deleted");
  return { parked, left: timers.filter((timer) => !isOrphaned(timer)) };
}

/** Parks messages that cannot be delivered. Those that were fired or cancelled meanwhile are left out. Answers how many were parked. */
async function park(firing: Firing, timers: readonly MessageTimer[], reason: string): Promise<number> {
  const nowMs = firing.clock.nowMs();
  let left = timers;
  while (left.length > 0) {
    const result = await firing.items.transact(left.flatMap((timer) => parking(timer, reason, nowMs)));
    if (result.ok) {
      for (const timer of left) {
        const { topic, dueMs } = timer;
        firing.events.happened({ kind: "timerParked", topic, id: parkedKey(timer).sk, deliverAtMs: dueMs, reason });
      }
      return left.length;
    }
    left = left.filter((_, at) => !result.failures[2 * at]);
  }
  return 0;
}
