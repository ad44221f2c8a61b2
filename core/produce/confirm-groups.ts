import { BrokerError } from "../errors.ts";
import { GROUP_SEND_MS } from "../limits.ts";
import type { Clock } from "../ports/clock.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";

interface Dependencies {
  readonly clock: Clock;
  readonly topics: TopicRegistry;
}

/**
 * Why messages stored by message group must not be acknowledged; `undefined`: they may be. A change of queue counts waits for sends
 * that began to look the topic up at `startedAtMs` and took no longer than GROUP_SEND_MS. A slower send must ask the store.
 */
export async function orderDoubt(
  { clock, topics }: Dependencies,
  topic: Topic,
  startedAtMs: number,
): Promise<BrokerError | undefined> {
  const tookMs = clock.nowMs() - startedAtMs;
  // A negative time means that the clock stepped back, so the duration is unknown.
  if (tookMs >= 0 && tookMs <= GROUP_SEND_MS) return undefined;
  try {
    if (await topics.keepsQueues(topic)) return undefined;
  } catch (error) {
    if (!StoreUnavailable.is(error)) throw error;
  }
  const detail = `This took long, and the queues of topic '${topic.name}' may have been changed meanwhile: it may be stored, but out of order.`;
  return new BrokerError("REQUEST_TIMEOUT", detail);
}
