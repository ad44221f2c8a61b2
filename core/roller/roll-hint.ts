import { rollHintKey } from "../keys.ts";
import type { QueueName } from "../log/queue.ts";
import type { Item } from "../ports/item-store.ts";

/**
 * That a queue may have something to roll. A sender puts it beside an append, now and then, and does not wait. If it is lost, the sweep
 * of all queues finds the queue.
 *
 *   roll  <topic uid>#<queue>   [t] epoch ms
 */
export interface RollHint extends QueueName {
  readonly putAtMs: number;
}

export const rollHintItem = ({ topicUid, queueId, putAtMs }: RollHint): Item => ({
  ...rollHintKey(topicUid, queueId),
  t: putAtMs,
});

export function rollHintOf(item: Item): RollHint {
  const [topicUid = "", queueId = ""] = item.sk.split("#");
  return { topicUid, queueId: Number(queueId), putAtMs: item.t as number };
}
