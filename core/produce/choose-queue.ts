import { hash32 } from "../bytes/hash32.ts";
import type { MessageInput, Topic } from "../terms.ts";

/**
 * The one queue a message may go to: that of its message group, or of its priority. `undefined` where any queue will do.
 * Source: RocketMQ's selectors; Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm".
 */
export function fixedQueue(topic: Topic, message: Pick<MessageInput, "messageGroup" | "priority">): number | undefined {
  if (message.messageGroup !== undefined) return queueOfGroup(topic, hash32(message.messageGroup));
  return message.priority ?? (topic.type === "PRIORITY" ? 0 : undefined);
}

/** By the hash of the message group. */
export const queueOfGroup = (topic: Pick<Topic, "writeQueues">, groupHash: number): number =>
  jumpHash(groupHash, topic.writeQueues);

/** Consistent: growing from n to n + 1 buckets moves one key in n + 1. */
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
