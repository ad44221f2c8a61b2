import { LRUCache } from "lru-cache";
import { queuePk } from "../keys.ts";
import type { Clock } from "../ports/clock.ts";
import { growingTo } from "../store/growing-to.ts";
import { firstStored, type StoredLog } from "./first-stored.ts";
import { QUEUE_ENDS_MAX } from "./log-limits.ts";
import type { Queue } from "./queue.ts";
import { horizonMs } from "./retention.ts";
import type { StoredPlace } from "./stored-place.ts";

/**
 * The first messages of queues by time. The first message that is kept stays the first one until it has expired, since the horizon never
 * falls and only the end of a queue grows. Until then nothing is read, and after that the search starts where it was.
 */
export class FirstOffsets {
  readonly #log: StoredLog;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #firsts = new LRUCache<string, StoredPlace>(growingTo(QUEUE_ENDS_MAX));

  constructor(log: StoredLog, clock: Pick<Clock, "nowMs">) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The first offset stored at or after `fromMs`, which is not before the horizon. `pageSize`: blocks read by one query. */
  async from(queue: Queue, fromMs: number, pageSize: number): Promise<number | undefined> {
    const pk = queuePk(queue.topicUid, queue.queueId);
    const known = this.#firsts.get(pk);
    if (known?.storedAtMs !== undefined && fromMs <= known.storedAtMs) return known.offset;
    const search = { fromMs, nowMs: this.#clock.nowMs(), startAt: known?.base ?? 0, pageSize };
    const first = await firstStored(this.#log, queue, search);
    if (first && fromMs <= horizonMs(queue.retention, this.#clock.nowMs())) this.#firsts.set(pk, first);
    return first?.offset;
  }
}
