import { StoreCorrupt } from "../ports/store-failures.ts";

/**
 * A segment: an object with runs of several queues, copied from their chains.
 *
 *   segment   := "APSG" · version u8 · page* · keys · directory · trailer
 *   page      := length u32 (of all of it) · crc32c u32 (of all behind it) · version u8 · topic uid text · queue varint
 *                · base varint · block{1,}
 *   block     := t0 u48 · restart varint · count varint · frames varint · (length varint · frame)*
 *   keys      := chunk*
 *   chunk     := number u32 · entry{227}, in the last chunk fewer · crc32c u32 (of all before it)
 *   entry     := hash u40 · store time u48 · queue u8 · offset u48
 *   directory := runs varint · run*
 *   run       := topic uid text · topic name text · queue varint · base varint · t0 u48 · page list
 *   page list := pages varint · (count varint · length varint · ms varint)*
 *   trailer   := keys: position u48 · length u48 · directory: length u48 · crc32c u32 · t0 u48 · zeros
 *                · crc32c u32 (of all before it) · version u8 · "APSG"                                             64 bytes
 *
 * A page is of one queue and is read alone, so it says whose it is, where it begins, and of which version it is. It holds whole
 * frames, byte for byte, each with its own checksum. Pages of a run lie behind each other, the first page of the segment behind
 * the version, and the directory behind the keys: a list of their lengths tells where each of them is.
 *
 * A block of a page is one of the chain, or a part of one, or several: it begins with `t0` as they do, below which its messages'
 * store times cannot be. A frame begins a new block where its time in the chain is later than its own head says, so that `t0` says
 * it. A block that is damaged is copied as it is, alone: its count is stored, so what can be read of it keeps its offsets. `restart`
 * is 0, or 1 + the offsets that nobody wrote before a block that restarts the chain.
 *
 * In a page list `ms` is how much newer the page's newest message is than that of the page before, of the first than the run's `t0`,
 * its oldest message. The `t0` of a segment is its oldest message.
 *
 * Entries are sorted by hash, and then the newest message first. The hash has the topic in it. Chunks are of one size, so part of the
 * keys can be read, checked and searched alone.
 *
 * Readers find a page by an index item (`index-item.ts`); the directory is there to make those anew, and to merge keys. Golden bytes
 * hold the format.
 */
export const SEGMENT_MAGIC = Uint8Array.of(0x41, 0x50, 0x53, 0x47);
export const SEGMENT_VERSION = 1;
export const SEGMENT_HEAD = Uint8Array.of(...SEGMENT_MAGIC, SEGMENT_VERSION);

/** A page as its list tells of it. Messages of the page were stored at `storedUntilMs` at the latest, and so were those before it. */
export interface PageEntry {
  readonly base: number;
  readonly count: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly storedUntilMs: number;
}

/** Messages of one queue that follow one another, in pages that do so too. */
export interface SegmentRun {
  readonly topicUid: string;
  readonly topic: string;
  readonly queueId: number;
  readonly base: number;
  readonly count: number;
  readonly storedFromMs: number;
  readonly storedUntilMs: number;
  readonly pages: readonly PageEntry[];
}

/** A part of an object as a failure names it. */
export interface PartName {
  readonly what: string;
  readonly objectKey: string;
}

export const corruptPart = ({ what, objectKey }: PartName, why: string, options?: ErrorOptions): StoreCorrupt =>
  new StoreCorrupt(`${what} of object ${objectKey} ${why}`, options);

/** Errors: `StoreCorrupt` for a version this code does not know. */
export function checkVersion(version: number | undefined, part: PartName): void {
  if (version !== SEGMENT_VERSION)
    throw corruptPart(part, `is of format ${version}: this version knows format ${SEGMENT_VERSION}`);
}

/** Bytes that end too soon fail as `RangeError`, and text that is no UTF-8 as `TypeError`; anything else is a bug. */
export function decoding<T>(part: PartName, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof RangeError || cause instanceof TypeError) throw corruptPart(part, "does not decode", { cause });
    throw cause;
  }
}
