import { LRUCache } from "lru-cache";
import { framesObjectExpiresMs } from "../keys.ts";
import type { Block } from "../log/block.ts";
import type { QueueName } from "../log/queue.ts";
import type { Clock } from "../ports/clock.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { growingTo } from "../store/growing-to.ts";
import type { IndexEntry } from "./index-item.ts";
import { decodePage } from "./page-codec.ts";
import type { PageEntry } from "./segment-format.ts";
import { PAGE_CACHE_BYTES, READ_AHEAD_BYTES, READ_AHEADS_MAX } from "./segment-limits.ts";

/** The blocks of a page; why they cannot be read; or that they expired with their segment. */
export type PageContent = readonly Block[] | StoreCorrupt | "gone";

interface KeptPage {
  readonly blocks: readonly Block[];
  readonly bytes: number;
}

export interface PageStore {
  readonly objects: ObjectStore;
  readonly clock: Pick<Clock, "nowMs">;
  /** Of pages that are kept. Default: 16 MB. */
  readonly pageCacheBytes?: number | undefined;
}

/**
 * Reads pages of segments. A read brings the pages behind as well: 128 KB, and twice as many each time that somebody reads on where a
 * read ended, up to 1 MB. Concurrent readers share a read. The pages read last are kept (16 MB).
 */
export class SegmentPages {
  readonly #objects: ObjectStore;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #kept: LRUCache<string, KeptPage>;
  readonly #fetching = new Map<string, Promise<ReadonlyMap<string, PageContent>>>();
  /** By where a read ended: how many bytes the next one from there brings. */
  readonly #aheads = new LRUCache<string, number>(growingTo(READ_AHEADS_MAX));

  constructor({ objects, clock, pageCacheBytes = PAGE_CACHE_BYTES }: PageStore) {
    this.#objects = objects;
    this.#clock = clock;
    this.#kept = new LRUCache({ maxSize: pageCacheBytes, sizeCalculation: ({ bytes }) => bytes + 500 });
  }

  /** A page of the entry. One that does not decode is read once more, since it may have been garbled on the way. Errors: `StoreUnavailable`. */
  async read(queue: QueueName, entry: IndexEntry, page: PageEntry): Promise<PageContent> {
    const content = await this.#shared(queue, entry, page);
    return StoreCorrupt.is(content) ? this.again(queue, entry, page) : content;
  }

  /** The same, past what is kept. */
  async again(queue: QueueName, entry: IndexEntry, page: PageEntry): Promise<PageContent> {
    const key = keyOf(entry, page);
    this.#kept.delete(key);
    return (await this.#fetch(queue, entry, [page])).get(key) ?? "gone";
  }

  async #shared(queue: QueueName, entry: IndexEntry, page: PageEntry): Promise<PageContent> {
    const key = keyOf(entry, page);
    const kept = this.#kept.get(key);
    if (kept) return kept.blocks;
    const found = await (this.#fetching.get(key) ?? this.#fetchOn(queue, entry, page));
    return found.get(key) ?? "gone";
  }

  #fetchOn(queue: QueueName, entry: IndexEntry, first: PageEntry): Promise<ReadonlyMap<string, PageContent>> {
    const pages = this.#pagesToFetch(queue, entry, first);
    const fetched = this.#fetch(queue, entry, pages).finally(() => {
      for (const page of pages) if (this.#fetching.get(keyOf(entry, page)) === fetched) this.#fetching.delete(keyOf(entry, page));
    });
    for (const page of pages) this.#fetching.set(keyOf(entry, page), fetched);
    return fetched;
  }

  #pagesToFetch(queue: QueueName, { pages }: IndexEntry, first: PageEntry): readonly PageEntry[] {
    const from = placeOf(queue, first.base);
    const bytes = this.#aheads.get(from) ?? READ_AHEAD_BYTES.first;
    this.#aheads.delete(from);
    const taken = [first];
    let end = first.byteOffset + first.byteLength;
    for (const page of pages) {
      if (page.byteOffset < end) continue;
      if (page.byteOffset + page.byteLength - first.byteOffset > bytes) break;
      taken.push(page);
      end = page.byteOffset + page.byteLength;
    }
    const last = taken.at(-1) ?? first;
    this.#aheads.set(placeOf(queue, last.base + last.count), Math.min(READ_AHEAD_BYTES.most, 2 * bytes));
    return taken;
  }

  async #fetch(queue: QueueName, entry: IndexEntry, pages: readonly PageEntry[]): Promise<ReadonlyMap<string, PageContent>> {
    const { objectKey } = entry;
    const from = pages[0]?.byteOffset ?? 0;
    const length = pages.reduce((sum, page) => sum + page.byteLength, 0);
    const bytes = await this.#objects.getRange(objectKey, from, length);
    const contents = new Map<string, PageContent>();
    for (const page of pages)
      contents.set(keyOf(entry, page), bytes ? this.#decoded(queue, entry, page, bytes, from) : this.#none(entry));
    return contents;
  }

  #none({ objectKey }: IndexEntry): PageContent {
    if (framesObjectExpiresMs(objectKey) <= this.#clock.nowMs()) return "gone";
    return new StoreCorrupt(`segment ${objectKey} is gone while an index item points at it`);
  }

  #decoded(queue: QueueName, entry: IndexEntry, page: PageEntry, bytes: Uint8Array, from: number): PageContent {
    const { base, count, byteOffset, byteLength } = page;
    const { topicUid, queueId } = queue;
    // A copy where there are others, so that a page that is kept does not keep its neighbours.
    const own = bytes.length === byteLength ? bytes : bytes.slice(byteOffset - from, byteOffset - from + byteLength);
    try {
      const expected = { topicUid, queueId, base, count, expiresAtSeconds: entry.expiresAtSeconds };
      const blocks = decodePage(own, expected, entry.objectKey);
      this.#kept.set(keyOf(entry, page), { blocks, bytes: byteLength });
      return blocks;
    } catch (error) {
      if (StoreCorrupt.is(error)) return error;
      throw error;
    }
  }
}

const keyOf = ({ objectKey }: IndexEntry, { byteOffset }: PageEntry): string => `${objectKey}:${byteOffset}`;
const placeOf = ({ topicUid, queueId }: QueueName, offset: number): string => `${topicUid}#${queueId}:${offset}`;
