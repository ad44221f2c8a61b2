import { queueOfGroup } from "../produce/choose-queue.ts";
import type { Topic } from "../terms.ts";
import type { MessageTimer, Timer } from "./timer.ts";

/**
 * Timers that must not wait for others: those of one message group, of one priority of a topic, of one topic, of one producer group,
 * each in one shard. Those of a stream are fired in the order of their due times.
 */
export const streamOf = (timer: Timer): string => `${timer.shard}/${aimOf(timer)}`;

/** What a stream leads to, where it is not a queue that its message groups share. */
export function aimOf(timer: Timer): string {
  if (timer.kind === "tombstone") return "tombstones";
  if (timer.kind === "check") return `checks#${timer.producerGroup ?? ""}`;
  const { topicUid, groupHash, priority } = timer;
  if (groupHash !== undefined) return `${topicUid}#g${groupHash}`;
  return priority === undefined ? `${topicUid}#any` : `${topicUid}#p${priority}`;
}

/** Whether a timer may be fired though an earlier one of its stream has not been read yet. */
export const isUnordered = (timer: Timer): boolean => timer.kind !== "message" || timer.groupHash === undefined;

/**
 * The queue a message is bound to; `undefined`: any. A priority that lost its queue goes to the highest there is. Errors: SERVER_BUSY
 * while the queues of message groups change.
 */
export function boundQueue(topic: Topic, { groupHash, priority }: MessageTimer): number | undefined {
  if (groupHash !== undefined) return queueOfGroup(topic, groupHash);
  return priority === undefined ? undefined : Math.min(priority, topic.writeQueues - 1);
}
