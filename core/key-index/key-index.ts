import { anchorKey } from "../keys.ts";
import { watermarkOf } from "../log/anchor.ts";
import { nextBase } from "../log/block.ts";
import { queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { horizonMs } from "../log/retention.ts";
import { keyHash } from "../message/key-hash.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { KeySource, MessageName, Search, Window } from "../query/candidates.ts";
import type { Position } from "../query/position.ts";
import { inGroups } from "../store/in-groups.ts";
import type { Topic } from "../terms.ts";
import { FILES_AT_ONCE } from "./key-index-limits.ts";
import { KeySearch } from "./key-search.ts";
import { listKeyFiles } from "./list-key-files.ts";
import { KnownNames, UnrolledCursor, type UnrolledEnd } from "./unrolled-names.ts";

/** Without a live block at its end all of a queue has expired. */
const NOTHING: UnrolledEnd = { end: 0 };

export interface KeyIndexStore {
  readonly items: ItemStore;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly log: QueueLog;
}

/**
 * Finds messages of a topic by the hashes of their keys, and of ids of their own. First the watermarks of its queues are read, then the
 * index, and what lies behind the watermarks. What passes a watermark is in the index before, so each acknowledged message is found.
 */
export class KeyIndex implements KeySource {
  readonly #store: KeyIndexStore;
  readonly #names: KnownNames;

  constructor(store: KeyIndexStore) {
    this.#store = store;
    this.#names = new KnownNames(store.log);
  }

  search(topic: Topic, { kind, text }: MessageName, window: Window): Search {
    let search: Promise<Search> | undefined;
    return {
      step: async () => {
        search ??= this.#open(topic, keyHash(topic.uid, kind, text), window);
        return (await search).step();
      },
    };
  }

  async #open(topic: Topic, hash: number, { fromMs = 0, toMs = Number.POSITIVE_INFINITY, before }: Window): Promise<Search> {
    const { items, objects, clock, log } = this.#store;
    const nowMs = clock.nowMs();
    const wanted = {
      fromMs: Math.max(fromMs, horizonMs(topic, nowMs)),
      toMs: Math.min(toMs - 1, before?.storedAtMs ?? Number.MAX_SAFE_INTEGER),
    };
    const queueIds = Array.from({ length: topic.queuesEver }, (_, queueId) => queueId);
    const rolledTo = await this.#watermarks(topic, queueIds);
    const { files, damage } = await listKeyFiles(items, nowMs);
    const ends = await inGroups(queueIds, FILES_AT_ONCE, (queueId) => this.#endOf(topic, queueId, wanted.toMs, before));
    const budget = { bytes: 0 };
    const unrolled = queueIds.map((queueId, index) => {
      const [from = 0, { end, tail } = { end: 0 }] = [rolledTo[index], ends[index]];
      return new UnrolledCursor(log, this.#names, { topic, queueId, hash, from, end, tail }, budget);
    });
    const overlapping = files.filter((file) => file.storedUntilMs >= wanted.fromMs && file.storedFromMs <= wanted.toMs);
    return new KeySearch(objects, {
      hash,
      unrolled,
      files: overlapping,
      isDamaged: damage !== undefined,
      ...wanted,
      before,
      budget,
    });
  }

  /** Copies may be old: watermarks only grow, and all that is behind one is read. */
  async #watermarks({ uid }: Topic, queueIds: readonly number[]): Promise<readonly number[]> {
    const keys = queueIds.map((queueId) => anchorKey(uid, queueId));
    const marks: number[] = [];
    for (let from = 0; from < keys.length; from += 100) {
      const anchors = await this.#store.items.batchGet(keys.slice(from, from + 100), { consistent: false });
      marks.push(...anchors.map(watermarkOf));
    }
    return marks;
  }

  /** The offset behind the last message that is wanted, and the queue's last block if it is the one before that. */
  async #endOf(topic: Topic, queueId: number, toMs: number, before: Position | undefined): Promise<UnrolledEnd> {
    const queue = queueOf(topic, queueId);
    const { reader } = this.#store.log;
    if (toMs === Number.MAX_SAFE_INTEGER) {
      const tail = await reader.tail(queue);
      return tail ? { end: nextBase(tail), tail } : NOTHING;
    }
    const isAtPlace = before?.storedAtMs === toMs;
    if (isAtPlace && queueId === before.queueId) return { end: before.offset };
    // What a higher queue stored at the time of the place comes in front of it.
    const isPassed = isAtPlace && queueId > before.queueId;
    return { end: await reader.offsetAt(queue, { timestampMs: isPassed ? toMs : toMs + 1 }) };
  }
}
