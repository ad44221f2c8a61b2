import type { ConfiguredQueue } from "../terms.ts";
import type { Allocate } from "./allocate.ts";

/** Gives each member the queues that the group's settings name for it, if they exist. Source: RocketMQ's AllocateMessageQueueByConfig. */
export const allocateByConfig =
  (configured: readonly ConfiguredQueue[]): Allocate =>
  (queues, _members, self) => {
    const own = configured.filter(({ clientId }) => clientId === self.clientId);
    return queues.filter((queue) => own.some(({ topic, queueId }) => topic === queue.topic && queueId === queue.queueId));
  };
