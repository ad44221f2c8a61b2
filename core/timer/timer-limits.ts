/** Limits of delayed messages and of the scanner that fires them. */

const MIB = 1_024 * 1_024;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

export const DELAY_MS_MAX = 10 * 366 * 24 * HOUR_MS;
/** RocketMQ's messageDelayLevel, 1 … 18. */
export const DELAY_LEVELS_SECONDS: readonly number[] = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
];
export const TIMER_SHARDS = 4;
/** A cancelled or moved timer is remembered this long past its due time: until then its absence means that it was delivered. */
export const TIMER_TOMBSTONE_MS = HOUR_MS;
/** Timers delivered by one transaction: with an append and an anchor they stay within a hundred writes. */
export const TIMERS_PER_BATCH_MAX = 90;
/** What the messages of one such transaction may take in memory, about, and those of all that are under way. */
export const BATCH_BYTES_MAX = 2 * MIB;
export const FIRED_BYTES_MAX = 64 * MIB;
/** Timers of one queue that wait for their transaction, in one process. */
export const TIMERS_PER_LANE_MAX = 1_000;
/** Timers of all lanes that wait for their transactions: reading goes on when there are fewer. */
export const TIMERS_WAITING_MAX = 4_000;
export const TIMERS_PER_PAGE = 250;
/** Due messages that are passed over, behind a queue that is slow or busy, before a look starts again at the first. */
export const TIMERS_LOOKED_PAST_MAX = 10_000;
/** Checks of half messages made at once. */
export const CHECKS_AT_ONCE = 16;
export const PARKED_TIMER_LIFE_MS = 30 * 24 * HOUR_MS;
/** The object of a large message lives so long past its due time: nobody may fire timers for weeks. */
export const OVERDUE_TIMER_LIFE_MS = PARKED_TIMER_LIFE_MS;
/** Timers looked at by one request that lists those of a topic. */
export const TIMERS_LISTED_MAX = 2_000;
/** The scheduled scanner's tick. */
export const SCAN_TICK_MS = 60 * SECOND_MS;
export const SCAN_LEASE_MS = 12 * SECOND_MS;
/** A scanner that sleeps looks at least so often for timers that others wrote. */
export const SCAN_LOOK_MS = SECOND_MS;
/** A scanner that ends so much later than the one at work relieves it: more than clocks differ by. */
export const SCAN_RELIEF_MS = 3 * SECOND_MS;
/** A process that rang the scanner rings no more for so long: the scanner stays to find what it writes meanwhile. */
export const RING_QUIET_MS = SECOND_MS;
