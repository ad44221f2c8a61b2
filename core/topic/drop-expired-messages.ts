import { TOPICS_PK } from "../keys.ts";
import { type DroppedBlocks, dropExpired } from "../log/drop-expired.ts";
import { queueOf } from "../log/queue.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { everyItem } from "../store/every-item.ts";
import { topicOf } from "./topic-codec.ts";

const TOPICS_PER_PAGE = 100;

/** Deletes the blocks of all queues whose messages have expired; `dropped` hears of each queue that had some. Errors: `StoreUnavailable`. */
export async function dropExpiredMessages(
  store: { readonly items: ItemStore; readonly clock: Clock },
  signal: AbortSignal,
  dropped: (blocks: DroppedBlocks) => Promise<void>,
): Promise<void> {
  for await (const item of everyItem(store.items, { pk: TOPICS_PK, limit: TOPICS_PER_PAGE })) {
    const topic = topicOf(item);
    for (let queueId = 0; queueId < topic.queuesEver; queueId++) {
      if (signal.aborted) return;
      const blocks = await dropExpired(store, queueOf(topic, queueId), signal);
      if (blocks) await dropped(blocks);
    }
  }
}
