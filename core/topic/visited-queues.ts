import { FLIGHT_MS_MAX } from "../log/log-limits.ts";
import type { Topic } from "../terms.ts";

/** How many queues consumers visit. A send that was under way when the write queues fell may still end in a higher queue. */
export const visitedQueues = (topic: Topic, nowMs: number): number =>
  nowMs - topic.shrunkAtMs > 2 * FLIGHT_MS_MAX ? topic.readQueues : topic.queuesEver;
