/** Limits of delayed messages and of the scanner that fires them. */

const MIB = 1_024 * 1_024;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

export const DELAY_MS_MAX = 10 * 366 * 24 * HOUR_MS;
/** RocketMQ's messageDelayLevel, 1 … 18. */
export const DELAY_LEVELS_SECONDS: readonly number[] = [
  1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
];
/** Shards that timers are spread over: the minimum and the default. */
export const TIMER_SHARDS = 4;
export const TIMER_SHARDS_MAX = 64;
/** How often a long-lived scanner reads whether there are more shards. */
export const TIMER_SHARDS_KNOWN_MS = 300 * SECOND_MS;
/** How long past its due time a cancelled or moved timer is remembered. Until then, its absence means that it was delivered. */
export const TIMER_TOMBSTONE_MS = HOUR_MS;
/** Timers that one transaction delivers: with an append and an anchor they stay within a hundred writes. */
export const TIMERS_PER_BATCH_MAX = 90;
/** About the bytes in memory of one such transaction's messages, and of all that are under way. */
export const BATCH_BYTES_MAX = 2 * MIB;
export const FIRED_BYTES_MAX = 32 * MIB;
/** Write units of a shard that deleting one transaction's timers may take: a quarter of a second's. */
export const BATCH_UNITS_MAX = 250;
/** How long an append is tried. Then its lane pauses, and other lanes use the slot. */
export const FIRE_PATIENCE_MS = 100;
/** The pause of a lane after a failure. It grows with each further one. */
export const LANE_RETRY_MS = { first: 50, most: SECOND_MS } as const;
/** After the table refused writes to a shard whose units are all in use, no units are dealt for this long. */
export const UNITS_BACK_MS = 500;
/** Transactions under way at once. One that takes longer than SLOT_MS no longer counts. */
export const BATCHES_AT_ONCE = 96;
export const SLOT_MS = SECOND_MS;
/** Batches of checks under way at once: of one producer group, and of all. */
export const CHECK_BATCHES_PER_GROUP = 4;
export const CHECK_BATCHES_AT_ONCE = 16;
/** Cursors of one reader. With more, it reads no new timers. */
export const CURSORS_MAX = 20_000;
export const TIMERS_PER_PAGE = 500;
/** Timers read by a look at a shard with little due. The next timer may be behind tombstones. */
export const TIMERS_PER_GLANCE = 8;
export const GLANCE_PAGES_MAX = 4;
/** How long the timers of such a look may take to fire before all shards are scanned: a slow queue must not keep others waiting. */
export const GLANCE_MS_MAX = 500;
/** How long a look reads on before it turns to timers that fell due meanwhile. */
export const LOOK_MS_MAX = 300;
/** How long after its due time a timer may be written: clocks differ, and a put takes a while. */
export const LATE_WRITE_MS = 3 * SECOND_MS;
/** Where much is due: how often the last seconds, and everything, are read again for such timers. */
export const LATE_SWEEP_MS = { least: SECOND_MS, many: 2 * SECOND_MS, full: 60 * SECOND_MS } as const;
/** How many pages of that an ordered message waits for. It does not wait if they were not enough last time. */
export const SHORT_SWEEP_PAGES_MAX = 4;
/** Pages of that per look. */
export const LATE_PAGES_MAX = 2;
/** Pages of passed-over timers per look. */
export const REFILL_PAGES_MAX = 4;
/** Fewer timers are not worth a page. */
export const REFILL_TIMERS_MIN = 32;
/** Checks of one producer group that are made together. */
export const CHECKS_PER_BATCH_MAX = 25;
/** Tombstones cleared together. */
export const TOMBSTONES_PER_BATCH_MAX = 16;
export const PARKED_TIMER_LIFE_MS = 30 * 24 * HOUR_MS;
/** How long past its due time the object of a large message lives: timers may not be fired for weeks. */
export const OVERDUE_TIMER_LIFE_MS = PARKED_TIMER_LIFE_MS;
/** Timers that one request reads to list those of a topic. */
export const TIMERS_LISTED_MAX = 2_000;
export const TIMERS_LISTED_PER_PAGE = 250;
/** The scheduled scanner's tick. */
export const SCAN_TICK_MS = 60 * SECOND_MS;
/** How far a scan looks ahead before it ends: a tick may come late, and its function start slowly. */
export const SCAN_AHEAD_MS = SCAN_TICK_MS + 15 * SECOND_MS;
/** A lease ends after this time unless it is renewed, which its scanner does three times as often. A scanner that does not has died. */
export const SCAN_LEASE_MS = 4_500;
export const SCAN_RENEW_MS = SCAN_LEASE_MS / 3;
/**
 * After a scanner learns that it lost a shard, it finishes most of what was under way in this time. Nobody fires the shard meanwhile,
 * so the time must be shorter than other timers of the shard may be late.
 */
export const HANDOVER_MS = 1_000;
/** How often a sleeping scanner looks for timers that other processes wrote. */
export const SCAN_LOOK_MS = SECOND_MS;
/** A scanner relieves one that ends this much sooner: more than clocks differ by. */
export const SCAN_RELIEF_MS = 3 * SECOND_MS;
/** A shard is behind if its oldest timer has been due this long. Another scanner then takes some of its holder's shards. */
export const SCAN_BEHIND_MS = 5 * SECOND_MS;
/** A process that rang the scanner does not ring again for this long: the scanner stays to find what it writes meanwhile. */
export const RING_QUIET_MS = SECOND_MS;
/** How long the scanners count as watched after somebody has looked after them. */
export const WATCH_QUIET_MS = 10 * SECOND_MS;
