import { OBJECT_BYTES_MAX } from "../ports/object-store.ts";

/** Limits of segments. */

const KIB = 1_024;

/** A page has room for another frame while it is smaller than this: one read brings many messages. The last page of a run may be small. */
export const PAGE_BYTES_MIN = 64 * KIB;
/** A page ends before a frame that would make it larger than this, once it is not too small. */
export const PAGE_BYTES_MAX = 128 * KIB;
/** How large pages are, in bytes. */
export interface PageSettings {
  readonly least: number;
  readonly most: number;
}
export const PAGE_SETTINGS: PageSettings = { least: PAGE_BYTES_MIN, most: PAGE_BYTES_MAX };
/** What one put takes. */
export const SEGMENT_BYTES_MAX = OBJECT_BYTES_MAX;
/** As many as an entry of the keys can tell apart. */
export const SEGMENT_RUNS_MAX = 65_536;
/** Bytes of a segment per read: at first, and at most while somebody reads on in order. */
export const READ_AHEAD_BYTES = { first: 128 * KIB, most: 1_024 * KIB } as const;
/** Places for which a process remembers how far to read ahead. */
export const READ_AHEADS_MAX = 4_096;
/** Pages that one process keeps. */
export const PAGE_CACHE_BYTES = 16 * 1_024 * KIB;
/** Index items that one process keeps. */
export const INDEX_CACHE_BYTES = 4 * 1_024 * KIB;
/** When readers look into segments for what the chain has as well. */
export interface LookBehind {
  /** A reader so many messages behind the end of its queue may find them in segments. */
  readonly messages: number;
  /** Of so many of its reads one looks there, */
  readonly reads: number;
}
export const LOOK_BEHIND: LookBehind = { messages: 1_024, reads: 8 };
/** but not so soon after a look. */
export const INDEX_LOOK_MS = 30_000;
