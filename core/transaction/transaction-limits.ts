/** Limits of half messages and their checks. */

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

export const HALF_MESSAGE_SHARDS = 8;
export const CHECK_AFTER_SECONDS_DEFAULT = 6;
export const CHECK_AFTER_SECONDS_MAX = 3_600;
export const CHECK_INTERVAL_MS = 30 * SECOND_MS;
export const MAX_CHECKS_DEFAULT = 15;
export const MAX_CHECKS_MAX = 100;
/** If nobody was asked about a transaction, its checks go on, at twice the interval each time, until it is this old. */
export const UNASKED_LIFE_MS = 48 * HOUR_MS;
export const UNASKED_CHECK_INTERVAL_MS_MAX = HOUR_MS;
/** The most checks of one transaction: after MAX_CHECKS_MAX, six within two hours, then one an hour. */
export const CHECKS_MADE_MAX = MAX_CHECKS_MAX + 60;
/** Checks handed out by one receive. */
export const RECEIVE_CHECKS_MAX = 32;
/** After this a check that nobody received is forgotten. The next one comes long before. */
export const WAITING_CHECK_LIFE_MS = HOUR_MS;
/** Waiting checks that one receive reads at once. Checks of ended transactions are deleted on the way. */
export const WAITING_CHECKS_READ_MAX = 500;
/** Page sizes: of the first query, and the later ones, made if all checks so far belong to ended transactions. */
export const WAITING_CHECKS_PER_PAGE = { first: 32, next: 100 } as const;
/** How long a receive reads on while it has found none. */
export const WAITING_CHECKS_TAKE_MS = SECOND_MS;
/** An ended transaction answers repeated verdicts this long: its block lives longer. */
export const ENDED_TRANSACTION_LIFE_MS = 24 * HOUR_MS;
export const DISCARDED_TRANSACTION_LIFE_MS = 30 * 24 * HOUR_MS;
/** How long half messages are kept: while they are checked, whatever their maxChecks, and then as discarded ones. */
export const HALF_MESSAGE_LIFE_MS = DISCARDED_TRANSACTION_LIFE_MS + UNASKED_LIFE_MS + UNASKED_CHECK_INTERVAL_MS_MAX;
/** Transactions that one list request reads. */
export const TRANSACTIONS_LISTED_MAX = 2_000;
export const PRODUCER_GROUPS_MAX = 10_000;
/** Checks of one batch that are written at once. */
export const CHECKS_WRITTEN_AT_ONCE = 8;
/** Notes on transactions, and deletions of needless checks, written at once. */
export const NOTES_WRITTEN_AT_ONCE = 16;
/** After this a check with an unreadable half message is made again: somebody may repair it. */
export const UNREADABLE_CHECK_INTERVAL_MS = HOUR_MS;
