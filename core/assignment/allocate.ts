import type { Member } from "../terms.ts";
import type { MessageQueue } from "./message-queue.ts";

/**
 * Answers which queues of one topic belong to `self`, one of the `members` that consume the topic. Both lists are in RocketMQ's order.
 * With the same queues and members, every member gets a different part.
 */
export type Allocate = (queues: readonly MessageQueue[], members: readonly Member[], self: Member) => readonly MessageQueue[];

export const NOTHING: readonly MessageQueue[] = [];
