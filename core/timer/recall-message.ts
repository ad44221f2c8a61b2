import { repeatUnknown } from "../consume/repeat-unknown.ts";
import { BrokerError } from "../errors.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { checkDeliveryTime } from "./delivery-time.ts";
import type { RecallHandles } from "./recall-handle.ts";
import type { Scheduling } from "./schedule-message.ts";
import {
  isFree,
  isMessage,
  type MessageTimer,
  messageTimerItem,
  type Timer,
  type TimerPlace,
  timerKey,
  timerOf,
  tombstoneItem,
} from "./timer.ts";
import { TIMER_TOMBSTONE_MS } from "./timer-limits.ts";

export interface Recalling extends Scheduling {
  readonly topics: TopicRegistry;
  readonly recallHandles: RecallHandles;
}

/** Moves of one message that a handle given out before is followed through. */
const MOVES_MAX = 1_000;

/**
 * Cancels a delayed message, or finds it cancelled. Wins or loses against its delivery, and says which. Errors: ALREADY_DELIVERED,
 * TOPIC_NOT_FOUND, BAD_REQUEST for a handle of another topic. Repeatable: a tombstone keeps what was decided until an hour past due.
 */
export async function cancelMessage(recalling: Recalling, topicName: string, recallHandle: string): Promise<void> {
  const { items } = recalling;
  const topic = await recalling.topics.resolve(topicName);
  const place = recalling.recallHandles.read(topic.uid, recallHandle);
  await repeatUnknown(recalling, async () => {
    for (let at: TimerPlace = place, moves = 0; moves < MOVES_MAX; moves++) {
      const result = await items.put(tombstoneItem(at), { when: isMessage });
      if (result.ok) return;
      const met = result.current && timerOf(result.current);
      if (met?.kind !== "tombstone") throw delivered(at, recalling.clock.nowMs());
      if (!met.movedTo) return;
      at = met.movedTo;
    }
    throw new BrokerError("BAD_REQUEST", "This message was moved too often since. Use its latest recall handle.");
  });
}

/**
 * Moves a delayed message to another time: its old place becomes a tombstone that names the new one, in one transaction. A time that
 * is past means now. Errors: as `cancelMessage`, also ALREADY_DELIVERED's counterpart MESSAGE_NOT_FOUND for a cancelled one;
 * ILLEGAL_DELIVERY_TIME.
 */
export async function rescheduleMessage(
  recalling: Recalling,
  topicName: string,
  recallHandle: string,
  deliverAtMs: number,
): Promise<{ readonly recallHandle: string; readonly deliverAtMs: number }> {
  const { clock, bell, recallHandles } = recalling;
  const topic = await recalling.topics.resolve(topicName);
  const place = recallHandles.read(topic.uid, recallHandle);
  checkDeliveryTime(deliverAtMs, clock.nowMs());
  const wantedMs = Math.max(deliverAtMs, clock.nowMs());
  const moved = await repeatUnknown(recalling, () => moveTo(recalling, place, wantedMs));
  await bell.written(moved.dueMs);
  return { recallHandle: recallHandles.write(topic.uid, moved), deliverAtMs: moved.dueMs };
}

async function moveTo(recalling: Recalling, place: TimerPlace, wantedMs: number): Promise<TimerPlace> {
  const { items } = recalling;
  let from = await readLive(recalling, place);
  // Where it has lain before there is a tombstone: the next free millisecond after it.
  for (let dueMs = wantedMs; ; ) {
    if (from.dueMs === dueMs) return from;
    const to = { shard: from.shard, dueMs, id: from.id };
    const result = await items.transact([
      { kind: "put", item: tombstoneItem(from, to), when: isMessage },
      { kind: "put", item: messageTimerItem({ ...from, ...to }), when: isFree },
    ]);
    if (result.ok) return to;
    if (result.failures[0]) from = await readLive(recalling, from);
    else dueMs++;
  }
}

/** The message itself, wherever it was moved. Errors: ALREADY_DELIVERED, MESSAGE_NOT_FOUND when it was cancelled. */
async function readLive({ items, clock }: Recalling, place: TimerPlace): Promise<MessageTimer> {
  for (let at = place, moves = 0; moves < MOVES_MAX; moves++) {
    const item = await items.get(timerKey(at));
    const timer: Timer | undefined = item && timerOf(item);
    if (timer?.kind === "message") return timer;
    if (timer?.kind !== "tombstone") throw delivered(at, clock.nowMs());
    if (!timer.movedTo) throw new BrokerError("MESSAGE_NOT_FOUND", "This delayed message was cancelled.");
    at = timer.movedTo;
  }
  throw new BrokerError("BAD_REQUEST", "This message was moved too often since. Use its latest recall handle.");
}

function delivered({ dueMs }: TimerPlace, nowMs: number): BrokerError {
  const long = nowMs > dueMs + TIMER_TOMBSTONE_MS;
  const detail = long
    ? "It was due more than an hour ago: it is in its queue, unless it was cancelled or moved before."
    : "It was due, and is in its queue.";
  return new BrokerError("ALREADY_DELIVERED", detail);
}
