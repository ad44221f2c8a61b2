/** Limits of half messages and their checks. */

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

export const HALF_MESSAGE_SHARDS = 8;
export const CHECK_AFTER_SECONDS_DEFAULT = 6;
export const CHECK_AFTER_SECONDS_MAX = 3_600;
export const CHECK_INTERVAL_MS = 30 * SECOND_MS;
export const MAX_CHECKS_DEFAULT = 15;
export const MAX_CHECKS_MAX = 100;
/** Checks handed out by one receive. */
export const RECEIVE_CHECKS_MAX = 32;
/** A check that nobody received is forgotten; the next one comes long before. */
export const WAITING_CHECK_LIFE_MS = HOUR_MS;
/** Waiting checks looked at by one look of a receive: those of transactions that ended meanwhile go on the way. */
export const WAITING_CHECKS_LOOKED_AT_MAX = 500;
/** An ended transaction answers repeated verdicts this long: its block lives longer. */
export const ENDED_TRANSACTION_LIFE_MS = 24 * HOUR_MS;
export const DISCARDED_TRANSACTION_LIFE_MS = 30 * 24 * HOUR_MS;
/** Half messages are kept for checks and as discarded ones, and no producer is asked for longer. */
export const HALF_MESSAGE_LIFE_MS =
  DISCARDED_TRANSACTION_LIFE_MS + CHECK_AFTER_SECONDS_MAX * SECOND_MS + (MAX_CHECKS_MAX + 1) * CHECK_INTERVAL_MS;
/** Transactions looked at by one request that lists them. */
export const TRANSACTIONS_LISTED_MAX = 2_000;
/** Checks posted to endpoints at once, and those that wait for their turn, in one process. */
export const POSTED_CHECKS_AT_ONCE = 16;
export const POSTED_CHECKS_WAITING_MAX = 1_000;
export const PRODUCER_GROUPS_MAX = 10_000;
