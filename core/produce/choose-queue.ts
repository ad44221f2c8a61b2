import { hash32 } from "../bytes/hash32.ts";
import type { MessageInput, Topic } from "../terms.ts";

/**
 * The queue of a message: by message group where it has one (never another queue), by priority on PRIORITY topics, else
 * the caller's turn. Source: RocketMQ's selectors; Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm".
 */
export function chooseQueue(topic: Topic, message: Pick<MessageInput, "messageGroup" | "priority">, turn: number): number {
  if (message.messageGroup !== undefined) return jumpHash(hash32(message.messageGroup), topic.writeQueues);
  if (topic.type === "PRIORITY") return message.priority ?? 0;
  return message.priority ?? turn % topic.writeQueues;
}

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
