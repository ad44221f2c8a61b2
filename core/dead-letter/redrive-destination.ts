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

/** Where redriven messages go: to a named topic, checked as for any send, or back to the group. */
export interface Route {
  /** Messages with the same key may share a frame. Errors: as a send of this message. */
  keyOf(letter: DeadLetter): string;
  /** `undefined` if the group is gone. */
  destinationOf(letter: DeadLetter): Promise<Destination | undefined>;
  /** Wakes the receives that wait for messages there. */
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
  // Waiting receives may not know the retry topic yet. A change of the group makes them look up their topics again.
  ring: () => store.arrivals.ring(groupLane(group.uid)),
});
