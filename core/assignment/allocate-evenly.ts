import type { Allocate } from "./allocate.ts";

/** Gives neighbouring queues to each member, one more to the first ones. Source: RocketMQ's AllocateMessageQueueAveragely. */
export const allocateAveragely: Allocate = (queues, members, self) => {
  const index = members.indexOf(self);
  const remainder = queues.length % members.length;
  const size = Math.floor(queues.length / members.length) + (index < remainder ? 1 : 0);
  const start = index * size + (index < remainder ? 0 : remainder);
  return queues.slice(start, start + size);
};

/** Deals the queues to the members in turn. Source: RocketMQ's AllocateMessageQueueAveragelyByCircle. */
export const allocateByCircle: Allocate = (queues, members, self) => {
  const index = members.indexOf(self);
  return queues.filter((_, at) => at % members.length === index);
};
