import { BrokerError } from "../errors.ts";
import { knownSendKey, recallKey } from "../keys.ts";
import type { ItemStore, TransactWrite } from "../ports/item-store.ts";
import { freeing, isOfTimer } from "../produce/known-send.ts";
import { repeatUnknown } from "../store/repeat-unknown.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { checkDeliveryTime } from "./delivery-time.ts";
import { parkedKey } from "./parked-timers.ts";
import { movedItem, recallOf } from "./recall.ts";
import type { RecallHandles } from "./recall-handle.ts";
import { frameLifeHours, type Scheduling } from "./schedule-message.ts";
import {
  cancelledTombstoneItem,
  isFree,
  isMessage,
  isMovedAsRead,
  isPlainMessage,
  isTombstone,
  type MessageTimer,
  messageTimerItem,
  movedTombstoneItem,
  type Timer,
  type TimerPlace,
  timerKey,
  timerOf,
} from "./timer.ts";
import { TIMER_TOMBSTONE_MS } from "./timer-limits.ts";

export interface Recalling extends Scheduling {
  readonly topics: TopicRegistry;
  readonly recallHandles: RecallHandles;
}

/*
 * A delayed message, as whoever cancels or moves it finds it, is in one of these states. Its handle names its timer's id and the place
 * that the timer had when the handle was made.
 *
 * - waiting: its timer is at the place. It may be cancelled, or moved.
 * - moved: a tombstone that says so is at the place, or nothing once the scanner has cleared the tombstone. The recall item names the
 *   place where the timer is now. A message may come back to a place that it left.
 * - cancelled: a tombstone at its last place says so. The scanner clears the tombstone when it is due, and then the recall item says it.
 * - parked: it could not be delivered. The parked item is there, and no timer.
 * - delivered: nothing is at the place, nothing is parked, and no recall item names another place. Firing deletes the timer in the
 *   transaction that appends the message, so that a cancel and a delivery meet at one item, and one of them wins.
 *
 * A cancel writes one tombstone; with a dedup key it frees the key in the same transaction. A move is one transaction: tombstone, timer
 * and recall item. So a crash leaves either the state before or the state after. A repeat after a lost reply finds the state after.
 */

/** Attempts of one request. Each failed one lost to another request that moved the same message. */
const ROUNDS_MAX = 32;

/** The message that will not be delivered. */
export interface Cancelled {
  readonly messageId: string;
}

/**
 * Cancels a delayed message, or finds it cancelled. It wins or loses against the delivery, and says which. The same transaction frees
 * the message's dedup key: a send with that key is a new message. Repeatable, even if the first reply was lost: the decision, and the
 * message's id, are remembered until an hour past the message's latest due time.
 * Errors: ALREADY_DELIVERED, MESSAGE_NOT_FOUND for a parked message, TOPIC_NOT_FOUND, BAD_REQUEST for a handle of another topic.
 */
export async function cancelMessage(recalling: Recalling, topicName: string, recallHandle: string): Promise<Cancelled> {
  const { items } = recalling;
  const topic = await recalling.topics.resolve(topicName);
  const handle = recalling.recallHandles.read(topic.uid, recallHandle);
  return repeatUnknown(recalling, async () => {
    let place = handle;
    for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
      const result = await items.put(cancelledTombstoneItem(place), { when: isPlainMessage });
      if (result.ok) return { messageId: place.id };
      const met = result.current && timerOf(result.current);
      if (met?.kind === "tombstone" && !met.moved) return { messageId: met.chosenId ?? place.id };
      if (met?.kind === "message") {
        if (await cancelKnown(items, met)) return { messageId: met.chosenId ?? place.id };
        continue;
      }
      const next = await follow(recalling, place);
      if ("messageId" in next) return next;
      place = next;
    }
    throw tooBusy();
  });
}

/**
 * Writes, in one transaction, the tombstone and frees the key of the send that made the message, unless that key is free or another
 * send's by now. `false`: another request changed one of them meanwhile.
 */
async function cancelKnown(items: ItemStore, timer: MessageTimer): Promise<boolean> {
  const known = timer.dedupKey === undefined ? undefined : await items.get(knownSendKey(timer.topicUid, timer.dedupKey));
  const cancelling = { kind: "put", item: cancelledTombstoneItem(timer), when: isMessage } as const;
  const frees = known && isOfTimer(known, timer.id) ? [freeing(known)] : [];
  return (await items.transact([cancelling, ...frees])).ok;
}

/**
 * Moves a delayed message to another time. One transaction writes a tombstone in the old place, the message in the new place, and the
 * recall item that leads all its handles there. A time in the past means now.
 * Errors: as `cancelMessage`; MESSAGE_NOT_FOUND for a cancelled message; ILLEGAL_DELIVERY_TIME.
 */
export async function rescheduleMessage(
  recalling: Recalling,
  topicName: string,
  recallHandle: string,
  deliverAtMs: number,
): Promise<{ readonly recallHandle: string; readonly deliverAtMs: number }> {
  const { clock, bell, recallHandles } = recalling;
  const topic = await recalling.topics.resolve(topicName);
  const handle = recallHandles.read(topic.uid, recallHandle);
  checkDeliveryTime(deliverAtMs, clock.nowMs());
  const wantedMs = Math.max(deliverAtMs, clock.nowMs());
  const moved = await repeatUnknown(recalling, () => moveTo(recalling, handle, wantedMs));
  await bell.written(moved.dueMs);
  return { recallHandle: recallHandles.write(topic.uid, moved), deliverAtMs: moved.dueMs };
}

async function moveTo(recalling: Recalling, handle: TimerPlace, dueMs: number): Promise<TimerPlace> {
  const { items } = recalling;
  let place = handle;
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    const timer = await readLive(recalling, place);
    if (timer.dueMs === dueMs) return timer;
    // It was moved before: an older handle may name a time later than both.
    const known = timer.moves > 0 ? await items.get(recallKey(timer.id)) : undefined;
    const to = { ...timer, dueMs, moves: timer.moves + 1, frame: await frameUntil(recalling, timer, dueMs) };
    const moving = (when: typeof isFree): readonly TransactWrite[] => [
      { kind: "put", item: movedTombstoneItem(timer), when: isMovedAsRead(timer) },
      { kind: "put", item: messageTimerItem(to), when },
      { kind: "put", item: movedItem(timer, dueMs, known) },
    ];
    let result = await items.transact(moving(isFree));
    // The message was in this place before. It replaces the tombstone that it left.
    if (!result.ok && !result.failures[0]) result = await items.transact(moving(isTombstone(true)));
    if (result.ok) return to;
    place = timer;
  }
  throw tooBusy();
}

/** The timer of the message, wherever it is by now. Errors: ALREADY_DELIVERED, MESSAGE_NOT_FOUND. */
async function readLive(recalling: Recalling, handle: TimerPlace): Promise<MessageTimer> {
  let place = handle;
  for (let rounds = 0; rounds < ROUNDS_MAX; rounds++) {
    const item = await recalling.items.get(timerKey(place));
    const timer: Timer | undefined = item && timerOf(item);
    if (timer?.kind === "message") return timer;
    const next = timer?.kind === "tombstone" && !timer.moved ? undefined : await follow(recalling, place);
    if (!next || "messageId" in next) throw new BrokerError("MESSAGE_NOT_FOUND", "This delayed message was cancelled.");
    place = next;
  }
  throw tooBusy();
}

/** Where a message that is not in this place is now. Errors: ALREADY_DELIVERED, MESSAGE_NOT_FOUND if it was parked. */
async function follow({ items, clock }: Pick<Recalling, "items" | "clock">, place: TimerPlace): Promise<TimerPlace | Cancelled> {
  const [recalled, parked] = await items.batchGet([recallKey(place.id), parkedKey(place)]);
  const recall = recalled && recallOf(recalled);
  if (parked) {
    throw new BrokerError(
      "MESSAGE_NOT_FOUND",
      "It could not be delivered when it was due, and was put aside: see GET /v1/scheduled/parked.",
    );
  }
  if (recall && recall.dueMs === undefined) return { messageId: recall.chosenId ?? place.id };
  const at = { ...place, dueMs: recall?.dueMs ?? place.dueMs };
  if (at.dueMs !== place.dueMs) return at;
  // The message may have returned to this place, and left it again, since the recall item was read.
  if (recall) {
    if (await items.get(timerKey(at))) return at;
    const again = await items.get(recallKey(place.id));
    const { dueMs: movedMs, chosenId } = again ? recallOf(again) : { dueMs: undefined, chosenId: undefined };
    if (again && movedMs === undefined) return { messageId: chosenId ?? place.id };
    if (movedMs !== undefined && movedMs !== place.dueMs) return { ...place, dueMs: movedMs };
  }
  throw delivered(place, clock.nowMs());
}

/** A frame that stays readable until the new due time. The object of a large message may expire earlier: then it is stored again. */
async function frameUntil({ clock, log }: Recalling, timer: MessageTimer, dueMs: number): Promise<Uint8Array> {
  const lifeHours = frameLifeHours(dueMs, clock.nowMs());
  if (log.detached.isKept(timer.frame, lifeHours)) return timer.frame;
  return log.detached.encode({ ...(await log.detached.decode(timer.frame, timer.id)), messageId: undefined }, lifeHours);
}

function delivered({ dueMs }: TimerPlace, nowMs: number): BrokerError {
  const long = nowMs >= dueMs + TIMER_TOMBSTONE_MS;
  const detail = long
    ? "It was due an hour ago or earlier: it is in its queue, unless it was cancelled before."
    : "It was due, and is in its queue.";
  return new BrokerError("ALREADY_DELIVERED", detail);
}

const tooBusy = (): BrokerError => new BrokerError("SERVER_BUSY", "Others move this message at the same time. Try again.");
