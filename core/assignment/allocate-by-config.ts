import type { ConfiguredQueue } from "../terms.ts";
import type { Allocate } from "./allocate.ts";

/** To each member the queues that the group's settings give it, those of them that exist. Source: RocketMQ's AllocateMessageQueueByConfig. */
export const allocateByConfig =
  (configured: readonly ConfiguredQueue[]): Allocate =>
  (queues, _members, self) => {
    const own = configured.filter(({ clientId }) => clientId === self.clientId);
    return queues.filter((queue) => own.some(({ topic, queueId }) => topic === queue.topic && queueId === queue.queueId));
  };
