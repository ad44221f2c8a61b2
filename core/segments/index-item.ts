import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { indexKey, skOffset } from "../keys.ts";
import type { Item } from "../ports/item-store.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { countOf, PAGE_ENTRY_BYTES_MAX, readPageList, writePageList } from "./page-list.ts";
import type { PageEntry, SegmentRun } from "./segment-format.ts";

/**
 * In which segment a run of a queue is, and where each of its pages. Item `s#<topic uid>#<queue>` / base:
 * [n] messages · [o] key of the segment · [p] where its first page begins · [t0 t1] store times of its oldest and of its newest
 * message · [g] its pages, as the segment's directory lists them · [x]
 *
 * An item of 8 MB of one queue takes 700 bytes: one write unit.
 */
export interface IndexEntry extends Pick<SegmentRun, "base" | "count" | "storedFromMs" | "storedUntilMs" | "pages"> {
  readonly objectKey: string;
  readonly expiresAtSeconds: number;
}

/** Attributes as `indexItem` wrote them. */
interface IndexAttributes {
  readonly n: number;
  readonly o: string;
  readonly p: number;
  readonly t0: number;
  readonly t1: number;
  readonly g: Uint8Array;
  readonly x: number;
}

export function indexItem(
  run: SegmentRun,
  { objectKey, expiresAtSeconds }: Pick<IndexEntry, "objectKey" | "expiresAtSeconds">,
): Item {
  const { topicUid, queueId, base, count, storedFromMs, storedUntilMs, pages } = run;
  const list = new ByteWriter(8 + pages.length * PAGE_ENTRY_BYTES_MAX);
  writePageList(list, pages, storedFromMs);
  return {
    ...indexKey(topicUid, queueId, base),
    n: count,
    o: objectKey,
    p: pages[0]?.byteOffset ?? 0,
    t0: storedFromMs,
    t1: storedUntilMs,
    g: list.view(),
    x: expiresAtSeconds,
  };
}

/** Errors: `StoreCorrupt`, which names the item and its segment. */
export function indexEntryOf(item: Item): IndexEntry {
  const { o, n, p, t0, t1, g, x } = item as unknown as IndexAttributes;
  const base = skOffset(item.sk);
  const numbers = [base, n, p, t0, t1, x];
  const pages = numbers.every(isWhole) && g instanceof Uint8Array ? pagesOf(g, base, p, t0) : undefined;
  const isWritten = pages && countOf(pages) === n && pages.at(-1)?.storedUntilMs === t1;
  if (!isWritten || typeof o !== "string") {
    const { pk, sk } = item;
    throw new StoreCorrupt(`index item ${pk} ${sk} of segment ${o} is malformed`, { key: { pk, sk } });
  }
  return { base, count: n, objectKey: o, storedFromMs: t0, storedUntilMs: t1, pages, expiresAtSeconds: x };
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** `undefined` for bytes that are no list. */
function pagesOf(list: Uint8Array, base: number, byteOffset: number, storedFromMs: number): readonly PageEntry[] | undefined {
  try {
    const reader = new ByteReader(list);
    const pages = readPageList(reader, { base, byteOffset, storedFromMs });
    return reader.remaining === 0 ? pages : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The page that holds the offset; `undefined` where the run does not. */
export function pageFor({ base, count, pages }: IndexEntry, offset: number): PageEntry | undefined {
  if (offset < base || offset >= base + count) return undefined;
  return firstPage(pages, (page) => page.base + page.count > offset);
}

/** The first page with a message stored at or after `timeMs`; `undefined` where the run has none. */
export const pageForTime = ({ pages }: IndexEntry, timeMs: number): PageEntry | undefined =>
  firstPage(pages, (page) => page.storedUntilMs >= timeMs);

/** `holds` must stay true for all pages behind the first. */
function firstPage(pages: readonly PageEntry[], holds: (page: PageEntry) => boolean): PageEntry | undefined {
  let low = 0;
  for (let high = pages.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (holds(pages[middle] as PageEntry)) high = middle;
    else low = middle + 1;
  }
  return pages[low];
}
