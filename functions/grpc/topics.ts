import { BrokerError } from "../../core/errors.ts";
import { isSystemTopic } from "../../core/names.ts";
import type { Serving } from "./serving.ts";

/** Does something with a topic, and once more after making it, where clients may: of type MIXED, which takes every message. */
export async function withTopic<T>({ broker, options }: Serving, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const absent = BrokerError.is(error) && error.code === "TOPIC_NOT_FOUND";
    if (!absent || !options.makeTopics || isSystemTopic(name)) throw error;
    await broker.putTopic(name, { type: "MIXED" });
    return work();
  }
}
