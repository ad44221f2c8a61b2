import type { Topic } from "../terms.ts";
import type { Retention } from "./retention.ts";

/** What names a queue's chain. */
export interface QueueName {
  readonly topicUid: string;
  readonly queueId: number;
}

/** A queue as it is read: what has expired is not. */
export interface Queue extends QueueName {
  readonly retention: Retention;
}

export const queueOf = (topic: Pick<Topic, "uid"> & Retention, queueId: number): Queue => ({
  topicUid: topic.uid,
  queueId,
  retention: topic,
});
