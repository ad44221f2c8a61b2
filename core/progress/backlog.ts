import { backlogChunkKey, backlogKey, type ProgressGeneration } from "../keys.ts";
import { BACKLOG_OFFSETS_MAX } from "../limits.ts";
import type { Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { ProgressQueue } from "./consumed-queue.ts";
import { readDeferred, writeDeferred } from "./deferred.ts";
import type { Progress } from "./progress.ts";

/**
 * The messages of a bucket that may not be delivered yet. A bucket of a queue, as one group consumes it, is in one of these states:
 *
 *   free        nothing of it is handed out, and nothing waits.
 *   inside      its claim is in the progress item, held or given back. Messages that the scan meets meanwhile are deferred in `k`.
 *   backlogged  its claim is in the progress item or just settled, and messages wait outside, behind those in `k`. `bk` names
 *               the bucket. Messages that the scan meets go to the end of its backlog.
 *   out         its claim waits outside, among the claims that were moved out, and everything behind it in its backlog. The
 *               progress item does not name it: `oc` only counts such buckets. Its backlog item exists, even if it is empty.
 *
 * A bucket goes from inside to backlogged when its deferred offsets crowd the item (`make-space.ts`, `take-ordered.ts`); from either
 * to out when its claim waits long or the item is crowded (`make-space.ts`); from out to inside or backlogged when its claim is due
 * (`take-moved-out.ts`); and from backlogged back to inside piece by piece, once its claim is settled and nothing of it is left in
 * `k` (`refill.ts`). So of each bucket the order is: claim, `k`, chunks of the backlog, backlog.
 *
 * A scan must not hand out a message of a bucket that is out. So while `oc` is above 0, it looks up the backlog of each bucket that the
 * progress item does not name.
 *
 * Backlogs are written only in a transaction with the progress item, on the condition that its `ov` is as it was read before them. The
 * transaction increments `ov`. So what was read of a backlog still holds if such a transaction, or an update on the same condition,
 * succeeds.
 *
 *   w#…  <generation>-<bucket>           [o] offsets (those of `deferred.ts`, without buckets) · [c] chunks · [q] 1: out
 *   w#…  <generation>-<bucket>-<first>   [o] offsets of a chunk, in front of the backlog's own
 */
export interface Backlog {
  readonly offsets: readonly number[];
  readonly chunks: number;
  readonly out: boolean;
}

const EMPTY: Backlog = { offsets: [], chunks: 0, out: false };

/** The backlogs of a queue as they were read, and the changes to write. */
export class Backlogs {
  readonly #items: ItemStore;
  readonly #source: ProgressGeneration;
  readonly #read = new Map<number, Backlog | undefined>();
  readonly #changed = new Map<number, Backlog>();
  readonly #chunks: TransactWrite[] = [];

  constructor(items: ItemStore, queue: ProgressQueue, { generation }: Progress) {
    this.#items = items;
    this.#source = { subscriptionUid: queue.subscription.uid, queueId: queue.queueId, generation };
  }

  async read(buckets: Iterable<number>): Promise<void> {
    const unread = [...new Set(buckets)].filter((bucket) => !this.#read.has(bucket));
    for (let from = 0; from < unread.length; from += 100) {
      const some = unread.slice(from, from + 100);
      const items = await this.#items.batchGet(some.map((bucket) => backlogKey(this.#source, bucket)));
      for (const [index, bucket] of some.entries()) this.#read.set(bucket, items[index] && backlogOf(items[index]));
    }
  }

  /** `undefined` if the bucket has none, or if it was not read. */
  of(bucket: number): Backlog | undefined {
    return this.#changed.get(bucket) ?? this.#read.get(bucket);
  }

  isEmpty(bucket: number): boolean {
    const { offsets, chunks } = this.of(bucket) ?? EMPTY;
    return offsets.length === 0 && chunks === 0;
  }

  /** Adds offsets at the end. */
  append(bucket: number, offsets: readonly number[]): void {
    const before = this.of(bucket) ?? EMPTY;
    const all = [...before.offsets, ...offsets];
    let { chunks } = before;
    for (; all.length > BACKLOG_OFFSETS_MAX; chunks++) this.#putChunk(bucket, all.splice(0, BACKLOG_OFFSETS_MAX));
    this.#changed.set(bucket, { ...before, offsets: all, chunks });
  }

  /** Adds the bucket's deferred offsets at the front. */
  prepend(bucket: number, offsets: readonly number[]): void {
    const before = this.of(bucket) ?? EMPTY;
    if (this.isEmpty(bucket)) {
      this.append(bucket, offsets);
      return;
    }
    let { chunks } = before;
    for (let from = 0; from < offsets.length; from += BACKLOG_OFFSETS_MAX, chunks++)
      this.#putChunk(bucket, offsets.slice(from, from + BACKLOG_OFFSETS_MAX));
    this.#changed.set(bucket, { ...before, chunks });
  }

  /** At most how many offsets the oldest piece has. */
  sizeOfOldest(bucket: number): number {
    const { offsets, chunks } = this.of(bucket) ?? EMPTY;
    return chunks > 0 ? BACKLOG_OFFSETS_MAX : offsets.length;
  }

  /** Takes the oldest piece. */
  async shift(bucket: number): Promise<readonly number[]> {
    const before = this.of(bucket) ?? EMPTY;
    if (before.chunks === 0) {
      this.#changed.set(bucket, { ...before, offsets: [] });
      return before.offsets;
    }
    const { pk, sk } = backlogKey(this.#source, bucket);
    // '.' follows '-'.
    const { items } = await this.#items.query({ pk, from: `${sk}-`, to: `${sk}.`, limit: 1 });
    this.#changed.set(bucket, { ...before, chunks: before.chunks - 1 });
    const [chunk] = items;
    if (!chunk) return [];
    this.#chunks.push({ kind: "delete", key: { pk, sk: chunk.sk } });
    return offsetsOfBacklog(chunk);
  }

  /** Notes that the bucket's claim is outside, or returns. */
  setOut(bucket: number, out: boolean): void {
    this.#changed.set(bucket, { ...(this.of(bucket) ?? EMPTY), out });
  }

  get writes(): readonly TransactWrite[] {
    const backlogs = [...this.#changed].map(([bucket, backlog]): TransactWrite => {
      const key = backlogKey(this.#source, bucket);
      if (!backlog.out && this.isEmpty(bucket)) return { kind: "delete", key };
      return { kind: "put", item: backlogItem(key, backlog) };
    });
    return [...backlogs, ...this.#chunks];
  }

  #putChunk(bucket: number, offsets: readonly number[]): void {
    const key = backlogChunkKey(this.#source, bucket, offsets[0] as number);
    this.#chunks.push({ kind: "put", item: { ...key, o: encoded(offsets) } });
  }
}

const encoded = (offsets: readonly number[]): Uint8Array => writeDeferred({ offsets, buckets: offsets.map(() => undefined) });

const backlogOf = (item: Item): Backlog => ({ offsets: offsetsOfBacklog(item), chunks: item.c as number, out: item.q === 1 });

/** The offsets of a backlog item or of a chunk. */
export const offsetsOfBacklog = (item: Item): readonly number[] =>
  item.o === undefined ? [] : readDeferred(item.o as Uint8Array).offsets;

const backlogItem = (key: { readonly pk: string; readonly sk: string }, { offsets, chunks, out }: Backlog): Item => ({
  ...key,
  c: chunks,
  ...(offsets.length > 0 && { o: encoded(offsets) }),
  ...(out && { q: 1 }),
});
