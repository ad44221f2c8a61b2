import { LRUCache } from "lru-cache";
import type { Clock } from "../ports/clock.ts";
import { growingTo } from "../store/growing-to.ts";
import { FAR_BEHIND_MESSAGES, QUEUE_ENDS_MAX, TAIL_CACHE_MS } from "./log-limits.ts";
import type { Queue } from "./queue.ts";
import type { QueueBounds, QueueReader } from "./queue-reader.ts";

/** Where queues begin and end, as readers that are far behind the end are told: up to a second old. */
export class RecentBounds {
  readonly #reader: QueueReader;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #recent = new LRUCache<string, { readonly bounds: QueueBounds; readonly seenAtMs: number }>(growingTo(QUEUE_ENDS_MAX));

  constructor(reader: QueueReader, clock: Pick<Clock, "nowMs">) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** For a reader that goes on at this offset. Whoever is near the end asks anew each time. Errors: `StoreUnavailable`. */
  async behind(queue: Queue, offset: number): Promise<QueueBounds> {
    const key = `${queue.topicUid}#${queue.queueId}`;
    const nowMs = this.#clock.nowMs();
    const recent = this.#recent.get(key);
    const ageMs = nowMs - (recent?.seenAtMs ?? Number.NEGATIVE_INFINITY);
    const isFar = recent !== undefined && recent.bounds.maxOffset - offset >= FAR_BEHIND_MESSAGES;
    if (recent && isFar && ageMs >= 0 && ageMs <= TAIL_CACHE_MS && offset >= recent.bounds.minOffset) return recent.bounds;
    const bounds = await this.#reader.bounds(queue);
    this.#recent.set(key, { bounds, seenAtMs: nowMs });
    return bounds;
  }
}
