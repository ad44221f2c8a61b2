import type { ConfiguredQueue, Member } from "../terms.ts";
import type { MessageQueue } from "./message-queue.ts";

/**
 * Answers which queues of one topic belong to `self`, one of the `members` that consume the topic. Both lists are in RocketMQ's order.
 * With the same queues and members, every member gets a different part.
 */
export type Allocate = (queues: readonly MessageQueue[], members: readonly Member[], self: Member) => readonly MessageQueue[];

export const NOTHING: readonly MessageQueue[] = [];

/** Neighbouring queues to each member, the first ones getting one more. Source: RocketMQ's AllocateMessageQueueAveragely. */
export const allocateAveragely: Allocate = (queues, members, self) => {
  const index = members.indexOf(self);
  const remainder = queues.length % members.length;
  const size = Math.floor(queues.length / members.length) + (index < remainder ? 1 : 0);
  const start = index * size + (index < remainder ? 0 : remainder);
  return queues.slice(start, start + size);
};

/** The queues dealt to the members in turn. Source: RocketMQ's AllocateMessageQueueAveragelyByCircle. */
export const allocateByCircle: Allocate = (queues, members, self) => {
  const index = members.indexOf(self);
  return queues.filter((_, at) => at % members.length === index);
};

/** To each member the queues that the group's settings give it, those of them that exist. Source: RocketMQ's AllocateMessageQueueByConfig. */
export const allocateByConfig =
  (configured: readonly ConfiguredQueue[]): Allocate =>
  (queues, _members, self) => {
    const own = configured.filter(({ clientId }) => clientId === self.clientId);
    return queues.filter((queue) => own.some(({ topic, queueId }) => topic === queue.topic && queueId === queue.queueId));
  };
