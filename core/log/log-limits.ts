/** Limits of the queue log. */

const KIB = 1_024;
const MIB = 1_024 * 1_024;
const SECOND_MS = 1_000;

/** Frames above this go to the object store and leave a pointer: there one PUT costs less than the table's write units. */
export const INLINE_FRAME_BYTES_MAX = 10 * KIB;
/** The same where requests are billed, for frames appended in a transaction: it takes twice the write units. */
export const TRANSACTED_INLINE_BYTES_MAX = 4 * KIB;
/**
 * The same for frames outside queues: their items are written and deleted again, one of the two in a transaction at least. With its
 * key and the names beside it such a frame takes three write units at most.
 */
export const DETACHED_INLINE_BYTES_MAX = 2_800;
/** Frames added to a block by one update. */
export const UPDATE_FRAME_BYTES_MAX = 64 * KIB;
export const OBJECT_FRAMES_BYTES_MAX = 8 * MIB;
/**
 * Closing sizes a new block takes: alone, one frame; after a lost race, small frames up to one write unit; where many are lost,
 * up to two, since then what an append costs more is less than what its losers cost.
 */
export const BLOCK_CLOSING_BYTES = { alone: 1, contended: 700, crowded: 1_536 } as const;
/** Races lost within a second that make a queue crowded. */
export const CROWDED_LOST_RACES = 10;
/** More messages than a block holds, in practice: two neighbours further apart have something else between them. */
export const BLOCK_MESSAGES_MAX = 16_384;
/** Objects of one retention class being written at once; frames that come meanwhile share the next. */
export const OBJECT_PUTS_PER_CLASS_MAX = 3;
/** Objects expire together at the end of such a step: up to a retention of a day, and above it. */
export const OBJECT_EXPIRY_STEP_MS = { day: 10 * 60 * SECOND_MS, longer: 60 * 60 * SECOND_MS } as const;
export const CAP_STEP = 65_536;
/** Appends need a predecessor that lives this much longer: more than cache age, freeze, flight and skew together. */
export const EXPIRY_GUARD_SECONDS = 3_600;
/** Raises of its retention that a topic remembers. */
export const RETENTION_RAISES_MAX = 16;
export const EXPIRY_SLACK_SECONDS = 24 * 3_600;
/** A cached tail older than this is read again: a read is cheaper than a failed write. */
export const TAIL_CACHE_MS = SECOND_MS;
/** The same on a queue where a race was lost within the last second. */
export const CONTENDED_TAIL_CACHE_MS = 50;
/** A sender that stays where it knows the tail moves on after this long, so that queues fill alike. */
export const STICKY_MS_MAX = 10 * SECOND_MS;
/** How slow an append was, and how long its queue is then passed over. Source: RocketMQ's LatencyFaultToleranceImpl. */
export const QUEUE_TIMEOUTS_MS = [
  { latencyMs: 50, timeoutMs: 0 },
  { latencyMs: 100, timeoutMs: 0 },
  { latencyMs: 550, timeoutMs: 2_000 },
  { latencyMs: 1_800, timeoutMs: 5_000 },
  { latencyMs: 3_000, timeoutMs: 6_000 },
  { latencyMs: 5_000, timeoutMs: 10_000 },
  { latencyMs: 15_000, timeoutMs: 30_000 },
] as const;
/** A failed append counts as one this slow. */
export const QUEUE_FAILURE_LATENCY_MS = 10 * SECOND_MS;
/** A sender with queues to itself waits so long for a slow one before it goes to another's: it may be slow itself, which would be no better there. */
export const STRANGE_QUEUE_MS = 5 * SECOND_MS;
/** Topics whose queue choice one process remembers. */
export const TOPICS_CHOSEN_FOR_MAX = 4_096;
/** Frames that wait for one queue in one process. */
export const PENDING_BYTES_MAX = 16 * MIB;
/** Large frames that wait for the object store in one process. */
export const PENDING_OBJECT_BYTES_MAX = 64 * MIB;
/** Queues whose appenders one process keeps. */
export const APPENDERS_MAX = 4_096;
export const BLOCK_CACHE_BYTES = 16 * MIB;
/** Batches read last, kept for the next receive: of blocks, and as much of objects. */
export const BATCH_CACHE_BYTES = 16 * MIB;
/** Read of an object at once. */
export const OBJECT_PAGE_BYTES = 64 * KIB;
/** Queues of which one process remembers how far they reach. */
export const QUEUE_ENDS_MAX = 16_384;
/** Blocks asked for by one query. */
export const BLOCKS_PER_QUERY_MAX = 33;
/** Blocks asked for where it is not known what they hold: each may be 70 KB. */
export const UNKNOWN_BLOCKS_PER_QUERY = 8;
/** Blocks asked for at least where they are as small as pointers: eight cost no more than one. */
export const SMALL_BLOCKS_PER_QUERY = 8;
export const SMALL_BLOCK_BYTES = 400;
/** A store call may be applied this long after it was sent. */
export const FLIGHT_MS_MAX = 15 * 60 * SECOND_MS;
