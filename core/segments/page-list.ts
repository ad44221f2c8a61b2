import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteWriter } from "../bytes/byte-writer.ts";
import type { PageEntry } from "./segment-format.ts";
import { SEGMENT_BYTES_MAX } from "./segment-limits.ts";

/** Where the first page of a run begins, and what is not newer than its messages. */
interface PageListStart {
  readonly base: number;
  readonly byteOffset: number;
  readonly storedFromMs: number;
}

/** The most that the list takes for one page. */
export const PAGE_ENTRY_BYTES_MAX = 8 + 4 + 7;

/** Pages that follow one another, as a segment's directory and an index item hold them (`segment-format.ts`). */
export function writePageList(out: ByteWriter, pages: readonly PageEntry[], storedFromMs: number): void {
  out.varint(pages.length);
  let beforeMs = storedFromMs;
  for (const { count, byteLength, storedUntilMs } of pages) {
    out.varint(count);
    out.varint(byteLength);
    out.varint(storedUntilMs - beforeMs);
    beforeMs = storedUntilMs;
  }
}

/** Errors: `RangeError` for a list that is cut short, or leads behind any segment's end, or any offset. */
export function readPageList(reader: ByteReader, start: PageListStart): readonly PageEntry[] {
  const pages: PageEntry[] = [];
  let { base, byteOffset, storedFromMs: storedUntilMs } = start;
  for (let left = reader.varint(); left > 0; left--) {
    const count = reader.varint();
    const byteLength = reader.varint();
    storedUntilMs += reader.varint();
    pages.push({ base, count, byteOffset, byteLength, storedUntilMs });
    base += count;
    byteOffset += byteLength;
  }
  // Neither ever falls, so where the last page ends tells of all.
  if (byteOffset > SEGMENT_BYTES_MAX || base > Number.MAX_SAFE_INTEGER) throw new RangeError("number out of range");
  return pages;
}

/** What pages hold together. */
export const countOf = (pages: readonly PageEntry[]): number => pages.reduce((sum, { count }) => sum + count, 0);
export const bytesOf = (pages: readonly PageEntry[]): number => pages.reduce((sum, { byteLength }) => sum + byteLength, 0);
