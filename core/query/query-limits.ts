import { SEARCH_MS_MAX } from "../limits.ts";

const MIB = 1_024 * 1_024;

/** Messages of one page. RocketMQ's, as is the default. */
export const QUERY_LIMIT_MAX = 64;
export const QUERY_LIMIT_DEFAULT = 32;
/** What one request may look at: messages, and the bytes read for them. */
export const QUERY_MESSAGES_MAX = 20_000;
export const QUERY_BYTES_MAX = 32 * MIB;
/** How long one request searches. */
export const QUERY_MS_MAX = SEARCH_MS_MAX;
/** Unreadable messages that one page names. */
export const QUERY_UNREADABLE_MAX = 64;

/** Queues, and places in queues, that one query reads in parallel. */
export const QUERY_READS_AT_ONCE = 16;
/** About the bytes of frames that one query has unpacked at once. A single frame may have more. */
export const QUERY_UNPACKED_BYTES_MAX = 8 * MIB;
/** Messages that a search reads at once from one queue: the first time, and at most. */
export const STRIDE_MESSAGES_MIN = 16;
export const STRIDE_MESSAGES_MAX = 512;
/** The same where nothing was found, such as in a gap. */
export const EMPTY_STRIDE_MESSAGES_MAX = 4_096;
/** Offsets further apart than this are read one by one, not together with everything between them. */
export const NEAR_OFFSETS = 32;

/** Topics that are searched for an id, where the request names none and the id does not either. */
export const SEARCHED_TOPICS_MAX = 20;
/** Groups whose states one page shows. */
export const GROUP_STATES_MAX = 100;
/** An id whose time is further ahead was not made by the broker. */
export const CLOCKS_APART_MS_MAX = 60_000;
/** Before format 4 the clock was read for the store time first, and then for the id: a pause of the process may lie between the two. */
export const STORED_EARLIER_MS_MAX = 1_000;
