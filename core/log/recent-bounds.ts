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

  /**
   * For a process that does not know the queue yet; `undefined` for one that does. Where a queue ends says whether a reader is far behind,
   * and so where it looks first. Errors: `StoreUnavailable`.
   */
  async atFirst(queue: Queue): Promise<QueueBounds | undefined> {
    return this.#reader.knownEnd(queue) > 0 ? undefined : this.#read(queue);
  }

  /**
   * For a reader that goes on at this offset. Whoever is near the end asks anew each time, unless it saw during its request where the
   * queue ended. Errors: `StoreUnavailable`.
   */
  async behind(queue: Queue, offset: number, seenEnd?: number): Promise<QueueBounds> {
    const recent = this.#recent.get(keyOf(queue));
    const ageMs = this.#clock.nowMs() - (recent?.seenAtMs ?? Number.NEGATIVE_INFINITY);
    const isFar = recent !== undefined && recent.bounds.maxOffset - offset >= FAR_BEHIND_MESSAGES;
    if (recent && isFar && ageMs >= 0 && ageMs <= TAIL_CACHE_MS && offset >= recent.bounds.minOffset) return recent.bounds;
    if (seenEnd === undefined || seenEnd < offset) return this.#read(queue);
    const minOffset = await this.#reader.minOffset(queue);
    return { minOffset, maxOffset: Math.max(minOffset, seenEnd) };
  }

  async #read(queue: Queue): Promise<QueueBounds> {
    const seenAtMs = this.#clock.nowMs();
    const bounds = await this.#reader.bounds(queue);
    this.#recent.set(keyOf(queue), { bounds, seenAtMs });
    return bounds;
  }
}

const keyOf = ({ topicUid, queueId }: Queue): string => `${topicUid}#${queueId}`;
