import { BrokerError } from "../errors.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

export const isReadable = ({ perm }: Topic): boolean => (perm & 4) !== 0;

/**
 * A user's topic, or a group's dead letters, as stored: a copy may not know queues that have messages by now, or be of an earlier topic of
 * the name. Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND, FORBIDDEN.
 */
export async function readableTopic(topics: TopicRegistry, name: string): Promise<Topic> {
  const topic = await topics.get(name);
  if (isReadable(topic)) return topic;
  throw new BrokerError("FORBIDDEN", `Topic '${name}' does not allow reading: its perm is ${topic.perm}.`);
}
