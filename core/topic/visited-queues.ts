import { FLIGHT_MS_MAX } from "../log/log-limits.ts";
import type { Topic } from "../terms.ts";

/** Queues that consumers visit. A send that was on its way when the write queues fell may still end in a queue above. */
export const visitedQueues = (topic: Topic, nowMs: number): number =>
  nowMs - topic.shrunkAtMs > 2 * FLIGHT_MS_MAX ? topic.readQueues : topic.queuesEver;
