import type { Item } from "../ports/item-store.ts";
import { queueOfGroup } from "../produce/fixed-queue.ts";
import type { Topic } from "../terms.ts";
import { type MessageTimer, readableTimer, type Timer } from "./timer.ts";

/** A timer as it was read, and where it stands. */
export interface ReadTimer {
  readonly timer: Timer;
  /** Its place among those of its shard; no other timer has it. */
  readonly sk: string;
  readonly stream: string;
}

/** What cannot be read must not stop the others. */
export function readTimers(items: readonly Item[]): readonly ReadTimer[] {
  const read: ReadTimer[] = [];
  for (const item of items) {
    const timer = readableTimer(item);
    if (timer) read.push({ timer, sk: item.sk, stream: streamOf(timer) });
  }
  return read;
}

/**
 * Timers that must not wait for others: those of one message group, of one priority of a topic, of one topic, of one producer group,
 * each in one shard. Those of a stream are fired in the order of their due times.
 */
const streamOf = (timer: Timer): string => `${timer.shard}/${aimOf(timer)}`;

/** What a stream leads to, where it is not a queue that its message groups share. */
export function aimOf(timer: Timer): string {
  if (timer.kind === "tombstone") return "tombstones";
  if (timer.kind === "check") return `checks#${timer.producerGroup ?? ""}`;
  const { topicUid, groupHash, priority } = timer;
  if (groupHash !== undefined) return `${topicUid}#g${groupHash}`;
  return priority === undefined ? `${topicUid}#any` : `${topicUid}#p${priority}`;
}

/** Topics by name, as they are now; absent: there is none. */
export type TopicsNow = ReadonlyMap<string, Topic>;

/** The lane of a timer. That of messages in message groups is another one after a change of the topic's queues. */
export function laneOf(timer: Timer, topics: TopicsNow): string {
  if (timer.kind !== "message") return aimOf(timer);
  const { topicUid, groupHash } = timer;
  const topic = topics.get(timer.topic);
  if (topic?.uid !== topicUid) return `${topicUid}#orphaned`;
  if (groupHash === undefined) return aimOf(timer);
  return topic.heldUntilMs > 0 ? `${topicUid}#held` : `${topicUid}#q${boundQueue(topic, timer)}/${topic.writeQueues}`;
}

/** Whether streams share its lane. */
export const isShared = (timer: Timer): boolean => timer.kind === "message" && timer.groupHash !== undefined;

/** Whether a timer may be fired though an earlier one of its stream has not been read yet. */
export const isUnordered = (timer: Timer): boolean => !isShared(timer);

/**
 * The queue a message is bound to; `undefined`: any. A priority that lost its queue goes to the highest there is. Errors: SERVER_BUSY
 * while the queues of message groups change.
 */
export function boundQueue(topic: Topic, { groupHash, priority }: MessageTimer): number | undefined {
  if (groupHash !== undefined) return queueOfGroup(topic, groupHash);
  return priority === undefined ? undefined : Math.min(priority, topic.writeQueues - 1);
}
