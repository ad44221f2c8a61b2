/** Limits of delayed messages and of the scanner that fires them. */

const MIB = 1_024 * 1_024;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

export const DELAY_MS_MAX = 10 * 366 * 24 * HOUR_MS;
/** RocketMQ's messageDelayLevel, 1 … 18. */
export const DELAY_LEVELS_SECONDS: readonly number[] = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
];
/** Partitions of the table that timers are spread over, at least, and where nobody asked for more. */
export const TIMER_SHARDS = 4;
export const TIMER_SHARDS_MAX = 64;
/** A scanner that lives long learns so often that there are more. */
export const TIMER_SHARDS_KNOWN_MS = 300 * SECOND_MS;
/** A cancelled or moved timer is remembered this long past its due time: until then its absence means that it was delivered. */
export const TIMER_TOMBSTONE_MS = HOUR_MS;
/** Timers delivered by one transaction: with an append and an anchor they stay within a hundred writes. */
export const TIMERS_PER_BATCH_MAX = 90;
/** What the messages of one such transaction may take in memory, about, and those of all that are under way. */
export const BATCH_BYTES_MAX = 2 * MIB;
export const FIRED_BYTES_MAX = 32 * MIB;
/** What deleting the timers of one transaction may take of the write units of a shard: a quarter of a second's. */
export const BATCH_UNITS_MAX = 250;
/** An append that does not happen at once is tried for so long; then its lane waits, and others use the slot. */
export const FIRE_PATIENCE_MS = 100;
/** A lane that failed waits so long, and longer after each further failure. */
export const LANE_RETRY_MS = { first: 50, most: SECOND_MS } as const;
/** After the table refused writes to a shard all of whose units are in use, none are dealt for so long. */
export const UNITS_BACK_MS = 500;
/** Transactions under way at once; one that takes longer than the time beside it no longer counts. */
export const BATCHES_AT_ONCE = 96;
export const SLOT_MS = SECOND_MS;
/** Batches of checks under way at once: of one producer group, and of all. */
export const CHECK_BATCHES_PER_GROUP = 4;
export const CHECK_BATCHES_AT_ONCE = 16;
/** Cursors of one reader for what it passed over. Where there are more, reading waits. */
export const CURSORS_MAX = 20_000;
export const TIMERS_PER_PAGE = 500;
/** Read by a look at a shard where little is due: its next timer may be behind tombstones. */
export const TIMERS_PER_GLANCE = 8;
export const GLANCE_PAGES_MAX = 4;
/** What such a look found is given so long to be fired, before all shards are scanned: a slow queue must not keep others waiting. */
export const GLANCE_MS_MAX = 500;
/** A look reads on for so long before it turns to what fell due meanwhile. */
export const LOOK_MS_MAX = 300;
/** A timer may be written so long after the time it is due: clocks differ, and a put takes a while. */
export const LATE_WRITE_MS = 3 * SECOND_MS;
/** Where much is due: how often the last seconds are read again for such timers, and how often all is. */
export const LATE_SWEEP_MS = { least: SECOND_MS, many: 2 * SECOND_MS, full: 60 * SECOND_MS } as const;
/** A message that must be in order waits for so many pages of that, and not at all where they were not enough the last time. */
export const SHORT_SWEEP_PAGES_MAX = 4;
/** Pages of that in one look. */
export const LATE_PAGES_MAX = 2;
/** Pages read for those that were passed over, by one look. */
export const REFILL_PAGES_MAX = 4;
/** Fewer are not worth a page. */
export const REFILL_TIMERS_MIN = 32;
/** Checks of half messages made together, of one producer group. */
export const CHECKS_PER_BATCH_MAX = 25;
/** Tombstones cleared together. */
export const TOMBSTONES_PER_BATCH_MAX = 16;
export const PARKED_TIMER_LIFE_MS = 30 * 24 * HOUR_MS;
/** The object of a large message lives so long past its due time: nobody may fire timers for weeks. */
export const OVERDUE_TIMER_LIFE_MS = PARKED_TIMER_LIFE_MS;
/** Timers looked at by one request that lists those of a topic. */
export const TIMERS_LISTED_MAX = 2_000;
export const TIMERS_LISTED_PER_PAGE = 250;
/** The scheduled scanner's tick. */
export const SCAN_TICK_MS = 60 * SECOND_MS;
/** How far a scan looks ahead before it ends: a tick may come late, and its function start slowly. */
export const SCAN_AHEAD_MS = SCAN_TICK_MS + 15 * SECOND_MS;
/** Whoever scans a shard says so again in a third of this time; who does not has died. */
export const SCAN_LEASE_MS = 4_500;
export const SCAN_RENEW_MS = SCAN_LEASE_MS / 3;
/**
 * Who learns that a shard is another's is done with most of what was under way after so long. Nobody fires the shard meanwhile, so it must
 * be less than the little that others have due in it may be late.
 */
export const HANDOVER_MS = 1_000;
/** A scanner that sleeps looks at least so often for timers that others wrote. */
export const SCAN_LOOK_MS = SECOND_MS;
/** A scanner that ends so much later than the one at work relieves it: more than clocks differ by. */
export const SCAN_RELIEF_MS = 3 * SECOND_MS;
/** A shard whose oldest timer is due for so long is behind: a scanner that comes takes some of its holder's. */
export const SCAN_BEHIND_MS = 5 * SECOND_MS;
/** A process that rang the scanner rings no more for so long: the scanner stays to find what it writes meanwhile. */
export const RING_QUIET_MS = SECOND_MS;
/** A scanner that somebody had looked after is not looked after again for so long. */
export const WATCH_QUIET_MS = 10 * SECOND_MS;
