import { OBJECT_BYTES_MAX } from "../ports/object-store.ts";

/** Limits of segments. */

const KIB = 1_024;

/** A page has room for another frame while it is smaller than this: one read brings many messages. The last page of a run may be small. */
export const PAGE_BYTES_MIN = 64 * KIB;
/** A page ends before a frame that would make it larger than this, once it is not too small. */
export const PAGE_BYTES_MAX = 128 * KIB;
/** What one put takes. */
export const SEGMENT_BYTES_MAX = OBJECT_BYTES_MAX;
/** As many as an entry of the keys can tell apart. */
export const SEGMENT_RUNS_MAX = 65_536;
