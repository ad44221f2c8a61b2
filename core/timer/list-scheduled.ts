import type { ListPage } from "../broker.ts";
import { timerSk, timersPk } from "../keys.ts";
import { readFrameHead } from "../log/frame.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { RecallHandles } from "./recall-handle.ts";
import { type Timer, timerOf } from "./timer.ts";
import { TIMER_SHARDS, TIMERS_LISTED_MAX, TIMERS_PER_PAGE } from "./timer-limits.ts";

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
 * A topic's delayed messages by due time. Timers of all topics lie together, so that a scanner finds what is due; at most 2,000 are
 * looked at, and then `complete` is false. Errors: TOPIC_NOT_FOUND.
 */
export async function listScheduled(
  store: { readonly items: ItemStore; readonly topics: TopicRegistry; readonly recallHandles: RecallHandles },
  topicName: string,
  { limit, after }: ScheduledRequest,
): Promise<ListPage<ScheduledMessage>> {
  const topic = await store.topics.resolve(topicName);
  const found: ScheduledMessage[] = [];
  let last = after;
  for (let looked = 0; looked < TIMERS_LISTED_MAX; ) {
    const { timers, more } = await nextTimers(store.items, last);
    for (const timer of timers) {
      looked++;
      if (timer.kind === "message" && timer.topicUid === topic.uid) {
        if (found.length === limit) return { items: found, next: last, complete: true };
        found.push({
          messageId: timer.chosenId ?? timer.id,
          deliverAtMs: timer.dueMs,
          scheduledAtMs: readFrameHead(timer.frame).storedAtMs,
          recallHandle: store.recallHandles.write(topic.uid, timer),
        });
      }
      last = timerSk(timer.dueMs, timer.id);
    }
    if (!more) return { items: found, next: undefined, complete: true };
  }
  return { items: found, next: last, complete: false };
}

/** Timers of all shards in the order of their due times: as far as a page of each reaches. */
async function nextTimers(items: ItemStore, after: string | undefined): Promise<{ timers: readonly Timer[]; more: boolean }> {
  const shards = Array.from({ length: TIMER_SHARDS }, (_, shard) => timersPk(shard));
  const from = after === undefined ? undefined : `${after}\u0000`;
  const pages = await Promise.all(
    shards.map((pk) => items.query({ pk, ...(from !== undefined && { from }), limit: TIMERS_PER_PAGE })),
  );
  // Behind the end of the shortest page there may be timers of its shard that were not read.
  const ends = pages.filter((page) => page.more).map((page) => page.items.at(-1)?.sk ?? "");
  const end = ends.length === 0 ? undefined : ends.reduce((first, sk) => (sk < first ? sk : first));
  const read = pages.flatMap((page) => page.items).filter(({ sk }) => end === undefined || sk <= end);
  read.sort((one, other) => (one.sk < other.sk ? -1 : one.sk > other.sk ? 1 : 0));
  return { timers: read.map(timerOf), more: end !== undefined };
}
