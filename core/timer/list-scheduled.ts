import { timersPk } from "../keys.ts";
import { timeOfId } from "../message/message-id.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ListPage } from "../requests.ts";
import { mergedPage } from "../store/merged-page.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { RecallHandles } from "./recall-handle.ts";
import { readableTimer } from "./timer.ts";
import { TIMERS_LISTED_MAX, TIMERS_LISTED_PER_PAGE } from "./timer-limits.ts";
import type { TimerShards } from "./timer-shards.ts";

/** A delayed message as a list shows it. */
export interface ScheduledMessage {
  readonly messageId: string;
  readonly deliverAtMs: number;
  readonly scheduledAtMs: number;
  readonly recallHandle: string;
}

export interface ScheduledRequest {
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

/**
 * A topic's delayed messages by due time. Timers of all topics lie together, so that a scanner finds what is due. So at most 2,000
 * timers are read, and then `complete` is false. Errors: TOPIC_NOT_FOUND.
 */
export async function listScheduled(
  store: {
    readonly items: ItemStore;
    readonly topics: TopicRegistry;
    readonly shards: TimerShards;
    readonly recallHandles: RecallHandles;
  },
  topicName: string,
  { limit, after }: ScheduledRequest,
): Promise<ListPage<ScheduledMessage>> {
  const topic = await store.topics.resolve(topicName);
  const shards = Array.from({ length: store.shards.count }, (_, shard) => timersPk(shard));
  const found: ScheduledMessage[] = [];
  let last = after;
  for (let read = 0; read < TIMERS_LISTED_MAX; ) {
    const { items, more } = await mergedPage(store.items, shards, last, TIMERS_LISTED_PER_PAGE);
    for (const item of items) {
      read++;
      const timer = readableTimer(item);
      if (timer?.kind === "message" && timer.topicUid === topic.uid) {
        if (found.length === limit) return { items: found, next: last, complete: true };
        found.push({
          messageId: timer.chosenId ?? timer.id,
          deliverAtMs: timer.dueMs,
          scheduledAtMs: timeOfId(timer.id),
          recallHandle: store.recallHandles.write(topic.uid, timer),
        });
      }
      last = item.sk;
    }
    if (!more) return { items: found, next: undefined, complete: true };
  }
  return { items: found, next: last, complete: false };
}
