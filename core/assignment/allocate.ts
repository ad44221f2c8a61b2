import type { Member } from "../terms.ts";
import type { MessageQueue } from "./message-queue.ts";

/**
 * Which of the queues of one topic are `self`'s, who is one of `members`, those that consume the topic. Both are in RocketMQ's
 * order. Every member that asks with the same queues and members gets a part of its own.
 */
export type Allocate = (queues: readonly MessageQueue[], members: readonly Member[], self: Member) => readonly MessageQueue[];

export const NOTHING: readonly MessageQueue[] = [];
