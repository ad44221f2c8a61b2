import { hash32 } from "../bytes/hash32.ts";
import { BrokerError } from "../errors.ts";
import type { MessageInput, Topic } from "../terms.ts";

/**
 * The one queue that a message may go to, by its message group or priority. A priority beyond the last queue goes to that one.
 * `undefined`: any queue.
 * Errors: SERVER_BUSY for a message group while the topic's queue counts change.
 * Source: RocketMQ's selectors; Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm".
 */
export function fixedQueue(topic: Topic, message: Pick<MessageInput, "messageGroup" | "priority">): number | undefined {
  if (message.messageGroup !== undefined) return queueOfGroup(topic, hash32(message.messageGroup));
  if (message.priority !== undefined) return Math.min(message.priority, topic.writeQueues - 1);
  return topic.type === "PRIORITY" ? 0 : undefined;
}

/** By the hash of the message group. Errors: SERVER_BUSY while the topic's queue counts change. */
export function queueOfGroup(topic: Topic, groupHash: number): number {
  if (topic.heldUntilMs > 0) throw queuesChange(topic);
  return jumpHash(groupHash, topic.writeQueues);
}

export const queuesChange = ({ name }: Topic): BrokerError =>
  new BrokerError(
    "SERVER_BUSY",
    `The queues of topic '${name}' are being changed: message groups wait for some seconds. Try again.`,
  );

/** Consistent hashing: growing from n to n + 1 buckets moves one key in n + 1. */
export function jumpHash(key: number, buckets: number): number {
  let state = BigInt(key);
  let bucket = -1;
  for (let next = 0; next < buckets; ) {
    bucket = next;
    state = BigInt.asUintN(64, state * 2862933555777941757n + 1n);
    next = Math.floor((bucket + 1) * (2 ** 31 / (Number(state >> 33n) + 1)));
  }
  return bucket;
}
