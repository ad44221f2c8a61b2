/** Limits of the queue log. */

const KIB = 1_024;
const MIB = 1_024 * 1_024;
const SECOND_MS = 1_000;

/** Larger frames go to the object store and leave a pointer: a PUT then costs less than the table's write units. */
export const INLINE_FRAME_BYTES_MAX = 10 * KIB;
/** The same where requests are billed, for frames appended in a transaction, which takes twice the write units. */
export const TRANSACTED_INLINE_BYTES_MAX = 4 * KIB;
/**
 * The same for frames outside queues. Their items are written and later deleted, at least one of the two in a transaction. With its key
 * and attribute names such a frame takes three write units at most.
 */
export const DETACHED_INLINE_BYTES_MAX = 2_800;
/** Frames added to a block by one update. */
export const UPDATE_FRAME_BYTES_MAX = 64 * KIB;
export const OBJECT_FRAMES_BYTES_MAX = 8 * MIB;
/**
 * Closing sizes of a new block. Alone: one frame. After a lost race: small frames up to one write unit. After many lost races: up to
 * two, because the higher cost of an append is then less than the cost of the lost ones.
 */
export const BLOCK_CLOSING_BYTES = { alone: 1, contended: 700, crowded: 1_536 } as const;
/** A queue is crowded after so many lost races within a second. */
export const CROWDED_LOST_RACES = 10;
/** More messages than a block holds in practice. If two blocks are further apart, something lies between them. */
export const BLOCK_MESSAGES_MAX = 16_384;
/** Objects of one retention class that are written at once. Frames that arrive meanwhile share the next object. */
export const OBJECT_PUTS_PER_CLASS_MAX = 3;
/** Objects expire together at the end of such a step: up to a retention of a day, and above it. */
export const OBJECT_EXPIRY_STEP_MS = { day: 10 * 60 * SECOND_MS, longer: 60 * 60 * SECOND_MS } as const;
/** Hashes of names in one pointer frame. With them its block is an item below 1 KB. */
export const POINTER_HASHES_MAX = 120;
/** Messages asked for at first by a search for one message, which finds it there as a rule; each time twice as many, up to the most. */
export const FIND_MESSAGES = { first: 16, most: 512 } as const;
/** About the bytes of blocks that such a search reads. */
export const FIND_BYTES_MAX = 8 * MIB;
export const CAP_STEP = 65_536;
/** Appends need a predecessor that lives this much longer: more than cache age, freeze, flight and skew together. */
export const EXPIRY_GUARD_SECONDS = 3_600;
/** Raises of its retention that a topic remembers. */
export const RETENTION_RAISES_MAX = 16;
/**
 * A tail that expires within this time is not touched any more: the chain starts again at the cap. The table may delete the block behind
 * it by then, and a reader whose clock is ahead takes it for expired. All of its messages have expired a day before.
 */
export const RESTART_SECONDS = 20 * 60;
export const EXPIRY_SLACK_SECONDS = 24 * 3_600;
/** A reader with so many messages before it need not know at each of its reads where the queue ends. */
export const FAR_BEHIND_MESSAGES = 128;
/** A cached tail older than this is read again: a read is cheaper than a failed write. */
export const TAIL_CACHE_MS = SECOND_MS;
/** The same on a queue that lost a race within the last second. */
export const CONTENDED_TAIL_CACHE_MS = 50;
/** A sender stays on a queue whose tail it knows. After this long it moves on, so that queues fill evenly. */
export const STICKY_MS_MAX = 10 * SECOND_MS;
/** By the latency of an append: how long its queue is then avoided. Source: RocketMQ's LatencyFaultToleranceImpl. */
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
/** How long a sender with its own queues waits for a slow one before it uses another sender's: the sender itself may be the slow part. */
export const STRANGE_QUEUE_MS = 5 * SECOND_MS;
/** Topics for which one process remembers the chosen queue. */
export const TOPICS_CHOSEN_FOR_MAX = 4_096;
/** Frames that wait for one queue in one process. */
export const PENDING_BYTES_MAX = 16 * MIB;
/** Large frames that wait for the object store in one process. */
export const PENDING_OBJECT_BYTES_MAX = 64 * MIB;
/** Queues whose appenders one process keeps. */
export const APPENDERS_MAX = 4_096;
export const BLOCK_CACHE_BYTES = 16 * MIB;
/** The batches read last are kept for the next receive: this many bytes from blocks, and as many from objects. */
export const BATCH_CACHE_BYTES = 16 * MIB;
/** Bytes of an object per read. */
export const OBJECT_PAGE_BYTES = 64 * KIB;
/** Queues for which one process remembers the known end. */
export const QUEUE_ENDS_MAX = 16_384;
/** Blocks asked for by one query. */
export const BLOCKS_PER_QUERY_MAX = 33;
/** Blocks per query if their size is unknown: each may have 70 KB. */
export const UNKNOWN_BLOCKS_PER_QUERY = 8;
/** Minimum of blocks per query if they are as small as pointers: eight cost no more than one. */
export const SMALL_BLOCKS_PER_QUERY = 8;
export const SMALL_BLOCK_BYTES = 400;
/** A store call may be applied this long after it was sent. */
export const FLIGHT_MS_MAX = 15 * 60 * SECOND_MS;
