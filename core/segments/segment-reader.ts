import { LRUCache } from "lru-cache";
import { indexPk } from "../keys.ts";
import { type Block, nextBase, offsetOfFrame, storedUntilMs } from "../log/block.ts";
import { firstFrom, type TimedSpans } from "../log/first-from.ts";
import { QUEUE_ENDS_MAX } from "../log/log-limits.ts";
import type { QueueName } from "../log/queue.ts";
import { firstStoredAt } from "../log/slices.ts";
import { SpanCache } from "../log/span-cache.ts";
import type { StoredPlace } from "../log/stored-place.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { growingTo } from "../store/growing-to.ts";
import { pageFor, pageForTime } from "./index-item.ts";
import { type FoundEntry, IndexPages } from "./index-pages.ts";
import type { PageEntry } from "./segment-format.ts";
import { INDEX_CACHE_BYTES, INDEX_LOOK_MS, LOOK_BEHIND, type LookBehind } from "./segment-limits.ts";
import { type PageStore, SegmentPages } from "./segment-pages.ts";

const ENTRIES_PER_QUERY = 8;
/** Pages that may hold the frames of one block. */
const PAGES_PER_BLOCK_MAX = 3;

export interface FarReader {
  /** How many lie between its offset and the end. */
  readonly messages: number;
  /** It knows a block to read from, and looks at its second read. One that has to search for a block looks at once: that saves more. */
  readonly isHinted: boolean;
}

/** Reads what queues have in segments, by offset, by time, and by frame. Entries never change, so those read last are kept (4 MB). */
export class SegmentReader {
  readonly #index: IndexPages;
  readonly #pages: SegmentPages;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #behind: LookBehind;
  readonly #known = new SpanCache<FoundEntry>(INDEX_CACHE_BYTES, ({ pages }) => 300 + 60 * pages.length);
  /** Where the last entry that was seen of a queue ends: what is before that is in segments, or has expired. */
  readonly #ends = new LRUCache<string, number>(growingTo(QUEUE_ENDS_MAX));
  /** Of readers far behind: their reads since the last look into the index. */
  readonly #glances = new LRUCache<string, { readonly reads: number; readonly lookedAtMs: number }>(growingTo(QUEUE_ENDS_MAX));

  constructor(store: PageStore & { readonly items: ItemStore }, behind = LOOK_BEHIND) {
    this.#index = new IndexPages(store.items);
    this.#pages = new SegmentPages(store);
    this.#clock = store.clock;
    this.#behind = behind;
  }

  /** Below it the queue is in segments, or has expired, as far as this process knows. */
  knownEnd(queue: QueueName): number {
    return this.#ends.get(pkOf(queue)) ?? 0;
  }

  /** The live entry that holds the offset. With `consistent` false, one that was written a moment ago may be missed. */
  async entryAt(queue: QueueName, offset: number, consistent = true): Promise<FoundEntry | undefined> {
    const pk = pkOf(queue);
    const known = this.#known.at(pk, offset);
    const entry = known ?? this.#saw(pk, await this.#index.atOrBefore(pk, offset, consistent));
    return entry && nextBase(entry) > offset && this.#isLive(entry) ? entry : undefined;
  }

  /**
   * As `entryAt`, for a reader far behind the end that finds the offset in the chain as well. It looks once in so many reads, and not for
   * half a minute after a look that found nothing, so that queues without segments cost next to nothing more.
   */
  async glanceAt(queue: QueueName, offset: number, { messages, isHinted }: FarReader): Promise<FoundEntry | undefined> {
    if (messages < this.#behind.messages) return undefined;
    const pk = pkOf(queue);
    const nowMs = this.#clock.nowMs();
    const { reads, lookedAtMs } = this.#glances.get(pk) ?? {
      reads: this.#behind.reads - (isHinted ? 2 : 1),
      lookedAtMs: Number.NEGATIVE_INFINITY,
    };
    const ageMs = nowMs - lookedAtMs;
    if (reads + 1 < this.#behind.reads || (ageMs >= 0 && ageMs < INDEX_LOOK_MS)) {
      this.#glances.set(pk, { reads: reads + 1, lookedAtMs });
      return undefined;
    }
    this.#glances.set(pk, { reads: 0, lookedAtMs: nowMs });
    return this.entryAt(queue, offset, false);
  }

  /** Where the first live entry that holds an offset in `from` … `until − 1` begins. In a queue without such an entry it is one query. */
  async firstWithin(queue: QueueName, from: number, until: number): Promise<number | undefined> {
    const pk = pkOf(queue);
    const last = this.#saw(pk, await this.#index.atOrBefore(pk, until - 1));
    if (!last || nextBase(last) <= from) return undefined;
    const holding = await this.entryAt(queue, from);
    if (holding) return from;
    for (let next = from; ; ) {
      const { spans, more } = await this.#index.ascending(pk, next, ENTRIES_PER_QUERY);
      const live = spans.find((entry) => entry.base >= from && this.#isLive(entry));
      if (live) return live.base < until ? live.base : undefined;
      const end = spans.at(-1);
      if (!more || !end) return undefined;
      next = end.base + 1;
    }
  }

  pageAt(entry: FoundEntry, offset: number): PageEntry | undefined {
    return pageFor(entry, offset);
  }

  /**
   * The block that holds the offset of an entry, and those behind it in its page. `undefined` if they expired with their segment. A page
   * that cannot be read is one block without frames, and so are the offsets up to `until` of an entry that cannot be read.
   */
  async blocksAt(queue: QueueName, entry: FoundEntry, offset: number, until: number): Promise<readonly Block[] | undefined> {
    const page = pageFor(entry, offset);
    if (!page) return [unreadable(entry, { base: offset, count: Math.min(nextBase(entry), until) - offset }, entry.damage ?? "")];
    const content = await this.#pages.read(queue, entry, page);
    if (content === "gone") return undefined;
    if (StoreCorrupt.is(content)) return [unreadable(entry, page, content.message)];
    return content.filter((block) => nextBase(block) > offset);
  }

  /** The same, read anew, past what is kept; empty if it cannot be read. */
  async blocksAgain(queue: QueueName, entry: FoundEntry, offset: number): Promise<readonly Block[]> {
    const page = pageFor(entry, offset);
    const content = page && (await this.#pages.again(queue, entry, page));
    if (content === undefined || content === "gone" || StoreCorrupt.is(content)) return [];
    return content.filter((block) => nextBase(block) > offset);
  }

  /** The first offset from `startAt` on, and before `until`, that was stored at `fromMs` or later, and where its entry begins. */
  async firstStored(
    queue: QueueName,
    { fromMs, startAt, until }: { readonly fromMs: number; readonly startAt: number; readonly until: number },
  ): Promise<StoredPlace | undefined> {
    const entry = await this.#firstEntry(queue, fromMs, startAt, until);
    if (!entry || entry.base >= until) return undefined;
    const offset = await this.#storedIn(queue, entry, fromMs);
    const isRead = offset === entry.base && entry.damage === undefined;
    return { offset, base: entry.base, storedAtMs: isRead ? entry.storedFromMs : undefined };
  }

  /** The block that holds a frame which was stored in the chain's block at `base`, and the frame's offset. */
  async find(queue: QueueName, base: number, frameId: Uint8Array): Promise<{ block: Block; offset: number } | undefined> {
    const entry = await this.entryAt(queue, base);
    for (let next = base, pages = 0; entry && next < nextBase(entry) && pages < PAGES_PER_BLOCK_MAX; pages++) {
      const blocks = (await this.blocksAt(queue, entry, next, nextBase(entry))) ?? [];
      for (const block of blocks) {
        const offset = offsetOfFrame(block, frameId);
        if (offset !== undefined) return { block, offset };
        next = nextBase(block);
      }
      if (blocks.length === 0) break;
    }
    return undefined;
  }

  async #firstEntry(queue: QueueName, fromMs: number, startAt: number, until: number): Promise<FoundEntry | undefined> {
    const pk = pkOf(queue);
    // Where everything before an offset has expired, its entry is the first unless it has expired too.
    const known = this.#known.at(pk, startAt);
    if (known && this.#isLive(known) && known.storedUntilMs >= fromMs) return known;
    const last = this.#saw(pk, await this.#index.atOrBefore(pk, until - 1));
    if (!last || !this.#isLive(last) || last.storedUntilMs < fromMs) return undefined;
    const spans: TimedSpans<FoundEntry> = {
      ascending: async (from, limit) => {
        const page = await this.#index.ascending(pk, from, limit);
        for (const entry of page.spans) this.#saw(pk, entry);
        return page;
      },
      last: async () => last,
      isLive: (entry) => this.#isLive(entry),
      storedFromMs: (entry) => entry.storedFromMs,
      storedUntilMs: (entry) => entry.storedUntilMs,
    };
    const holding = await this.entryAt(queue, startAt);
    if (holding && holding.storedUntilMs >= fromMs) return holding;
    return (await firstFrom(spans, { fromMs, startAt, pageSize: ENTRIES_PER_QUERY }))?.span;
  }

  async #storedIn(queue: QueueName, entry: FoundEntry, fromMs: number): Promise<number> {
    const page = pageForTime(entry, fromMs);
    if (!page || (page.base === entry.base && entry.storedFromMs >= fromMs)) return entry.base;
    const blocks = (await this.blocksAt(queue, entry, page.base, nextBase(page))) ?? [];
    const block = blocks.find((one) => storedUntilMs(one) >= fromMs);
    return block ? firstStoredAt(block, fromMs) : page.base;
  }

  #saw(pk: string, entry: FoundEntry | undefined): FoundEntry | undefined {
    if (!entry || entry.damage !== undefined) return entry;
    this.#known.keep(pk, entry);
    this.#ends.set(pk, Math.max(nextBase(entry), this.#ends.get(pk) ?? 0));
    return entry;
  }

  #isLive({ expiresAtSeconds }: FoundEntry): boolean {
    return expiresAtSeconds * 1_000 > this.#clock.nowMs();
  }
}

const pkOf = ({ topicUid, queueId }: QueueName): string => indexPk(topicUid, queueId);

/** In a block without frames all offsets count as unreadable. */
const unreadable = (
  { expiresAtSeconds, storedUntilMs }: FoundEntry,
  { base, count }: Pick<PageEntry, "base" | "count">,
  damage: string,
): Block => ({
  base,
  count,
  bytes: 0,
  closingBytes: 0,
  expiresAtSeconds,
  storedFromMs: storedUntilMs,
  frames: [],
  writeIds: new Set(),
  damage,
});
