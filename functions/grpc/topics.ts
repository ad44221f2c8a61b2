import { BrokerError } from "../../core/errors.ts";
import { isSystemTopic } from "../../core/names.ts";
import type { Topic } from "../../core/terms.ts";
import type { Serving } from "./serving.ts";

/** The topic; a new one of type MIXED, which takes every message, where clients may make topics. Errors: TOPIC_NOT_FOUND. */
export async function topicOrMade({ broker, options }: Serving, name: string): Promise<Topic> {
  try {
    return await broker.getTopic(name);
  } catch (error) {
    const absent = BrokerError.is(error) && error.code === "TOPIC_NOT_FOUND";
    if (!absent || !options.makeTopics || isSystemTopic(name)) throw error;
    return (await broker.putTopic(name, { type: "MIXED" })).topic;
  }
}
