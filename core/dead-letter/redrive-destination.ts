import { isSystemTopic } from "../names.ts";
import { fixedQueue } from "../produce/fixed-queue.ts";
import { checkMessage } from "../produce/message-rules.ts";
import type { QueueChoice } from "../produce/queue-choice.ts";
import { ofTheBroker, requireWritable } from "../produce/send-messages.ts";
import type { ConsumerGroup, Topic } from "../terms.ts";
import { type Arrivals, groupLane } from "../wake/arrivals.ts";
import type { DeadLetter } from "./dead-letter.ts";
import { type RetryTopics, retryTopic } from "./retry-topic.ts";

export interface Destinations extends RetryTopics {
  readonly arrivals: Arrivals;
  readonly choice: QueueChoice;
}

export interface Destination {
  readonly topic: Topic;
  readonly queueId: number;
}

/** Where redriven messages go: a topic that was named, checked as for any send; or back to the group. */
export interface Route {
  /** Messages with the same key may travel together. Errors: what a send of this message would answer. */
  keyOf(letter: DeadLetter): string;
  /** `undefined` when the group is gone. */
  destinationOf(letter: DeadLetter): Promise<Destination | undefined>;
  /** Wakes those who wait for what was moved there. */
  ring(destination: Destination): void;
}

/** Errors: TOPIC_NOT_FOUND, ILLEGAL_TOPIC, FORBIDDEN for the target. */
export async function routeTo(store: Destinations, group: ConsumerGroup, target: string | undefined): Promise<Route> {
  if (target === undefined) return backToGroup(store, group);
  if (isSystemTopic(target)) throw ofTheBroker();
  return toTopic(store, requireWritable(await store.topics.get(target)));
}

const toTopic = ({ choice, arrivals }: Destinations, topic: Topic): Route => ({
  keyOf(letter) {
    checkMessage(topic, letter);
    return String(fixedQueue(topic, letter));
  },
  destinationOf: async (letter) => ({ topic, queueId: fixedQueue(topic, letter) ?? choice.choose(topic) }),
  ring: ({ queueId }) => arrivals.topicRings(topic.uid, queueId),
});

const backToGroup = (store: Destinations, group: ConsumerGroup): Route => ({
  keyOf: (letter) => letter.originTopic,
  async destinationOf(letter) {
    const topic = await retryTopic(store, group, letter.originTopic);
    return topic && { topic, queueId: 0 };
  },
  // Those who wait may not know of the retry topic yet: that the group has changed makes them look for their topics anew.
  ring: () => store.arrivals.ring(groupLane(group.uid)),
});
