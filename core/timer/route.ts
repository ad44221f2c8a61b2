import type { Item } from "../ports/item-store.ts";
import { queueOfGroup } from "../produce/fixed-queue.ts";
import type { Topic } from "../terms.ts";
import { type MessageTimer, readableTimer, type Timer } from "./timer.ts";

/** A timer that was read, and its place. */
export interface ReadTimer {
  readonly timer: Timer;
  /** Its place among the timers of its shard, which no other timer has. */
  readonly sk: string;
  readonly stream: string;
}

/** An unreadable timer is left out: it must not stop the others. */
export function readTimers(items: readonly Item[]): readonly ReadTimer[] {
  const read: ReadTimer[] = [];
  for (const item of items) {
    const timer = readableTimer(item);
    if (timer) read.push({ timer, sk: item.sk, stream: streamOf(timer) });
  }
  return read;
}

/**
 * The stream of a timer. Streams must not wait for each other: one for each message group, priority of a topic, topic, and producer
 * group, in each shard. The timers of a stream are fired in the order of their due times.
 */
const streamOf = (timer: Timer): string => `${timer.shard}/${aimOf(timer)}`;

/** The aim of a stream. For all but message groups, which share the lane of their queue, it is the lane too. */
export function aimOf(timer: Timer): string {
  if (timer.kind === "tombstone") return "tombstones";
  if (timer.kind === "check") return `checks#${timer.producerGroup ?? ""}`;
  const { topicUid, groupHash, priority } = timer;
  if (groupHash !== undefined) return `${topicUid}#g${groupHash}`;
  return priority === undefined ? `${topicUid}#any` : `${topicUid}#p${priority}`;
}

/** The current topics by name. Absent: there is no such topic. */
export type TopicsNow = ReadonlyMap<string, Topic>;

/** The lane of a timer. Messages of message groups get another lane when the topic's queues change. */
export function laneOf(timer: Timer, topics: TopicsNow): string {
  if (timer.kind !== "message") return aimOf(timer);
  const { topicUid, groupHash } = timer;
  const topic = topics.get(timer.topic);
  if (topic?.uid !== topicUid) return `${topicUid}#orphaned`;
  if (groupHash === undefined) return aimOf(timer);
  return topic.heldUntilMs > 0 ? `${topicUid}#held` : `${topicUid}#q${boundQueue(topic, timer)}/${topic.writeQueues}`;
}

/** Whether the timer's lane is shared by streams. */
export const isShared = (timer: Timer): boolean => timer.kind === "message" && timer.groupHash !== undefined;

/** Whether a timer may be fired before an earlier one of its stream has been read. */
export const isUnordered = (timer: Timer): boolean => !isShared(timer);

/**
 * The queue that a message is bound to; `undefined`: any. A priority whose queue is gone goes to the highest one. Errors: SERVER_BUSY
 * while the queues of message groups change.
 */
export function boundQueue(topic: Topic, { groupHash, priority }: MessageTimer): number | undefined {
  if (groupHash !== undefined) return queueOfGroup(topic, groupHash);
  return priority === undefined ? undefined : Math.min(priority, topic.writeQueues - 1);
}
