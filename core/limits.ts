import {
  BLOCK_CLOSING_BYTES,
  EXPIRY_GUARD_SECONDS,
  FLIGHT_MS_MAX,
  INLINE_FRAME_BYTES_MAX,
  OBJECT_FRAMES_BYTES_MAX,
  UPDATE_FRAME_BYTES_MAX,
} from "./log/log-limits.ts";

/** Limits of the broker; others are in `*-limits.ts` files. Sizes are bytes; numbers are RocketMQ's unless a line says otherwise. */

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;

// Names
export const NAME_CHARS_MAX = 64;

// Messages
export const BODY_BYTES_MAX = 4 * MIB;
export const PROPERTIES_BYTES_MAX = 16 * KIB;
export const PROPERTIES_MAX = 128;
/** RocketMQ bounds tags and keys by the bytes of all properties. */
export const TAG_CHARS_MAX = PROPERTIES_BYTES_MAX;
export const KEYS_MAX = 128;
export const KEY_CHARS_MAX = PROPERTIES_BYTES_MAX;
export const MESSAGE_GROUP_CHARS_MAX = 64;
export const MESSAGE_ID_CHARS_MAX = 64;
export const BORN_HOST_CHARS_MAX = 255;
export const TRACE_CONTEXT_CHARS_MAX = 4 * KIB;
/** As RocketMQ has it: a 32-bit number. */
export const PRIORITY_MAX = 2 ** 31 - 1;
export const SEND_ENTRIES_MAX = 100;
export const SEND_BYTES_MAX = 4 * MIB;

// Topics, groups, subscriptions
export const QUEUES_MAX = 256;
export const QUEUES_DEFAULT = 4;
export const RETENTION_HOURS_MIN = 1;
export const RETENTION_HOURS_MAX = 24 * 365;
export const RETENTION_HOURS_DEFAULT = 72;
export const TOPICS_MAX = 10_000;
export const GROUPS_MAX = 10_000;
/** Topics that one group reads. */
export const SUBSCRIPTIONS_MAX = 64;
/** Groups that read one topic. The topic's deletion removes their subscriptions one by one. */
export const SUBSCRIBERS_MAX = 1_000;
/** How often a change of a count is retried when another transaction holds it. */
export const CONFLICTS_MAX = 12;
/** Rooms that a topic gives its queues, or that a group consumes from. */
export const ROOMS_MAX = 16;
/** Replaced filters that a subscription remembers. */
export const EARLIER_FILTERS_MAX = 5;
export const LIST_LIMIT_MAX = 1_000;
export const LIST_LIMIT_DEFAULT = 100;

/** Topics, groups and subscriptions are read again after this long, so a handler may learn of a change this late. */
export const METADATA_CACHE_MS = 2 * SECOND_MS;
/** A process that was frozen for longer while it read one of them reads it again: what it has may be as old. */
export const METADATA_READ_MS_MAX = 5 * 60 * SECOND_MS;
export const METADATA_ENTRIES_MAX = 10_000;
/** After writeQueues fell, others may use the old count for this long: cache age and a slow call. */
export const QUEUE_SHRINK_SETTLE_MS = METADATA_CACHE_MS + SECOND_MS;
/** A send by message group that takes longer than this checks the stored queue counts before it is acknowledged. */
export const GROUP_SEND_MS = SECOND_MS;
/** The longest time that message groups wait while queue counts change, even if the changing process dies. */
export const QUEUE_CHANGE_HOLD_MS = 30 * SECOND_MS;
/** Names read for "did you mean". */
export const SUGGESTION_CANDIDATES_MAX = 200;

// Consumption
export const RECEIVE_MESSAGES_MAX = 32;
export const RECEIVE_BYTES_MAX = 4 * MIB;
export const SETTLE_ENTRIES_MAX = 100;
export const WAIT_SECONDS_MAX = 20;
export const LEASE_SECONDS_MIN = 1;
export const LEASE_SECONDS_MAX = 12 * 3_600;
export const LEASE_SECONDS_DEFAULT = 60;
export const MAX_ATTEMPTS_MAX = 1_000;
export const MAX_ATTEMPTS_DEFAULT = 17;
export const BACKOFF_STEPS_MAX = 64;
export const BACKOFF_SECONDS_MAX = 12 * 3_600;
/** 16 waits between 17 deliveries: RocketMQ's levels 3…18. */
export const BACKOFF_SECONDS_DEFAULT: readonly number[] = [
  10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200,
];
export const ATTEMPT_ID_CHARS_MAX = 128;
export const REASON_CHARS_MAX = 1_024;
export const PULL_MESSAGES_MAX = 32;
export const PULL_BYTES_MAX = 4 * MIB;
/** Claims in one progress item. With 64 claims open, receives skip the queue until one is settled or falls due. */
export const CLAIMS_MAX = 64;
/** The same where order is kept, with one claim per message group. */
export const CLAIMS_ORDERED_MAX = 256;
/** Offsets in one progress item that wait for their message group. */
export const DEFERRED_MAX = 256;
/**
 * Where message groups are ordered, waiting claims leave an item that is larger than the first value, until it is as small as the
 * second. So, with what one receive takes, a scan and a refill defer, and the remaining waiting claims, the item stays below 4 KB, four
 * write units.
 */
export const ORDERED_CROWDED_BYTES = 2_600;
export const ORDERED_ROOMY_BYTES = 1_600;
/** Fewer waiting claims are not worth a transaction. */
export const WAITING_WORTH_MOVING = 8;
/** About the bytes of a deferred offset, even in the worst realistic case. */
export const DEFERRED_BYTES = 5;
/** Offsets in one item of a backlog, which stays well below 1 KB. A refill brings as many. */
export const BACKLOG_OFFSETS_MAX = 64;
/** Backlogs changed by one transaction: with their chunks it stays below 100 items. */
export const BACKLOGS_PER_WRITE_MAX = 36;
/** While this many buckets wait for a refill, no claim returns from outside. */
export const WAITING_OUTSIDE_MAX = 64;
/** Buckets refilled by one transaction. */
export const REFILLS_PER_WRITE_MAX = 32;
/** Refills let deferred offsets grow to this size. A refill then always fits beside the offsets that a scan defers. */
export const DEFERRED_REFILLED_BYTES_MAX = 1_640;
/** Deferred offsets of a bucket that are worth moving out to make room. */
export const DEFERRED_WORTH_MOVING = 8;
/** An ordered receive looks ahead until its claims hold about this many messages each. */
export const MESSAGES_PER_ORDERED_CLAIM = 4;
/** Messages that an ordered or filtered receive reads in one round on one queue. */
export const SCAN_MESSAGES_MAX = 800;
/** Messages read at once by such a scan. */
export const SCAN_CHUNK = 64;
/** About their bytes: a scan holds them in memory, and others wait meanwhile. */
export const SCAN_BYTES = 512 * KIB;
/** If more claims wait after a nack, those due last move out of the item, until WAITING_CLAIMS_KEPT are left. */
export const WAITING_CLAIMS_MAX = 24;
export const WAITING_CLAIMS_KEPT = 8;
/** A claim that is due this soon is not worth moving out. */
export const MOVE_OUT_AHEAD_MS = 5 * SECOND_MS;
/** Compiled filters that one process keeps. */
export const COMPILED_FILTERS_MAX = 1_024;
/**
 * Parts of a delivery that change one after the other share a claim if they are due together. So due times are rounded up to a step:
 * this share of the requested time, at most a second.
 */
export const PARTS_TOGETHER_SHARE = 0.01;
export const PARTS_TOGETHER_MS_MAX = SECOND_MS;
/** The most by which a lease that may be shortened ends late: its end is asked for to the moment. */
export const RESET_LATE_MS_MAX = 20;
/** Claims, or pieces of a backlog, outside a progress item that a repeated settle searches for its message. */
export const LOOKED_UP_OUTSIDE_MAX = 1_000;
/** Unreadable messages that one transaction puts aside. */
export const PUT_ASIDE_MAX = 48;
/** Claims moved in or out by one transaction. */
export const MOVE_OUT_CLAIMS_MAX = 40;
/** The same for ordered claims, each of which may need two more writes. */
export const MOVE_OUT_ORDERED_CLAIMS_MAX = 30;
/** Such transactions in one round of a receive. */
export const MOVES_OUT_PER_ROUND_MAX = 8;
/** If fewer receives' worth of messages is known to exist, the queue's end is read. As many receives can hold claims at once. */
export const RECEIVES_AHEAD = CLAIMS_MAX;
/** Claims in one settling update: about 70 bytes and 6 operators each stay under DynamoDB's 4 KB and 300 operators. */
export const CLAIMS_PER_UPDATE_MAX = 48;
/** Leases of which a process remembers that they were shortened. */
export const SHORTENED_LEASES_MAX = 10_000;
/** How often a declaration makes a group that is deleted at the same time. */
export const DECLARE_ROUNDS_MAX = 4;
/** Deliveries whose HMACs a process keeps. */
export const RECENT_DELIVERIES_MAX = 1_024;
/** The age up to which a progress image is used. */
export const PROGRESS_CACHE_MS = 3 * SECOND_MS;
export const PROGRESS_CACHE_BYTES = 16 * MIB;
/** Rounds of a receive on one queue: each round settles one race or one due claim. */
export const TAKE_ROUNDS_MAX = 48;
/** Rounds of a receive that searches with a filter, besides its time limit. */
export const SEARCH_ROUNDS_MAX = 2_048;
/** How long one pass over a receive's queues searches with filters. The next offset keeps its progress. */
export const SEARCH_MS_MAX = 5 * SECOND_MS;
/** Queues that a receive, and each later poll of a waiting one, reads in parallel. */
export const PROBES_MAX = 16;
/** Groups for which one process remembers where the next receive starts. */
export const ROTATIONS_MAX = 4_096;
/** Empty claims swept by one reserve. */
export const EMPTY_CLAIMS_PER_RESERVE_MAX = 8;
export const SETTLE_DEADLINE_MS = 10 * SECOND_MS;
/** Rounds of a settling update while others change the same claims. */
export const SETTLE_ROUNDS_MAX = 16;
/** Requests that wait in long polls at once, in one process. */
export const WAITERS_MAX = 10_000;

// Members of groups
export const CLIENT_ID_CHARS_MAX = 255;
/** Members of one group. Clients that join at the same instant may exceed it by a few. */
export const CLIENTS_MAX = 1_000;
/** The lease of a member after each heartbeat: RocketMQ's channel expiry. */
export const CLIENT_LEASE_MS = 120 * SECOND_MS;
/** Queues that a CONFIG assignment names. */
export const CONFIGURED_QUEUES_MAX = 512;
/** Rounds of a heartbeat to find its generation while others join and leave. */
export const HEARTBEAT_ROUNDS_MAX = 16;
/** Expired members that one heartbeat deletes. */
export const EXPIRED_CLIENTS_SWEPT_MAX = 16;
/** Source: RocketMQ's AllocateMessageQueueConsistentHash. */
export const VIRTUAL_NODES_PER_CLIENT = 10;

// Committed offsets
/** Rounds of a commit while others move the same queue. */
export const COMMIT_ROUNDS_MAX = 16;
/** Clients of one group that keep offsets of their own on one topic. Clients that come at the same instant may exceed it by a few. */
export const BROADCASTING_CLIENTS_MAX = CLIENTS_MAX;
/** Such offsets are kept this long after the client's last commit on the topic: for a restart, a deployment, a night. */
export const CLIENT_OFFSETS_LIFE_MS = 24 * HOUR_MS;
/** Members whose queues one process keeps in mind, of all groups. */
export const KNOWN_OWNERS_MAX = 20_000;

// Dead letters
export const REDRIVE_IDS_MAX = 100;
/** Dead letters moved by one transaction, each with a tombstone. */
export const REDRIVE_BATCH_MAX = 40;
export const REDRIVE_RATE_MAX = 1_000;
/** How long a request moves dead letters before it answers, and a job's turn in one round of maintenance. */
export const REDRIVE_TURN_MS = 2 * SECOND_MS;
/** A job is remembered this long after its last step. */
export const REDRIVE_JOB_LIFE_MS = 7 * 24 * HOUR_MS;

/** Queues of groups that one request for lag reads. */
export const LAG_QUEUES_MAX = 512;
/** Members that count as one of these queues. */
export const CLIENTS_PER_LAG_QUEUE = 10;
/** How many of these are read in parallel. */
export const LAG_QUEUES_AT_ONCE = 16;
/** Claims outside a progress item that are searched for the oldest message. */
export const LAG_MOVED_OUT_CLAIMS_MAX = 100;
/** Rounds of an offset reset while consumers receive. */
export const RESET_ROUNDS_MAX = 16;

// Filters
export const FILTER_EXPRESSION_BYTES_MAX = 2 * KIB;
/** The longest tag can be named. */
export const TAG_EXPRESSION_BYTES_MAX = PROPERTIES_BYTES_MAX;
/** Parentheses and NOT inside each other. */
export const FILTER_DEPTH_MAX = 32;
/** Values and parentheses. */
export const FILTER_OPERANDS_MAX = 256;
/** Characters that CONTAINS searches for: with longer texts engines take quadratic time. */
export const FILTER_SEARCH_CHARS_MAX = 255;
/** Longer texts are not read as numbers. */
export const FILTER_NUMBER_CHARS_MAX = 64;

// Sends that are stored once
export const DEDUP_KEY_CHARS_MAX = 255;
export const DEDUP_WINDOW_SECONDS_MIN = 300;
export const DEDUP_WINDOW_SECONDS_MAX = 24 * 3_600;
export const DEDUP_WINDOW_SECONDS_DEFAULT = DEDUP_WINDOW_SECONDS_MAX;
export const PRODUCER_ID_CHARS_MAX = 64;
/** After this idle time a producer may start at any sequence. */
export const PRODUCER_IDLE_MS_MAX = 7 * 24 * HOUR_MS;
/** The latest writes of a producer for which repeats are recognised. */
export const PRODUCER_WRITES_KEPT = 24;
/** Entries of one send that are stored once, in one transaction. */
export const ONCE_ENTRIES_PER_WRITE = 90;

// Requests
export const REQUEST_BYTES_MAX = 6 * MIB;
export const REQUEST_DISCARD_BYTES_MAX = 8 * MIB;
/** Fields of all objects in a body. A batch of 100 messages with 128 properties each has 14,300. */
export const JSON_FIELDS_MAX = 20_000;
/** Commas in a body outside its strings: fields and elements but the first of each object and array. */
export const JSON_COMMAS_MAX = 50_000;
export const JSON_DEPTH_MAX = 20;
export const SEND_DEADLINE_MS = 10 * SECOND_MS;
/** How long a send that may go to any queue tries one. */
export const SEND_PATIENCE_MS = SECOND_MS;
export const CURSOR_LIFE_MS = 24 * HOUR_MS;

// Requests that are known by a key
export const IDEMPOTENCY_KEY_CHARS_MAX = 255;
export const IDEMPOTENCY_WINDOW_MS = 24 * HOUR_MS;
/** Longer than a request runs. A request that has not ended by then has died, and a repeat may run it again. */
export const REQUEST_RUN_MS_MAX = 60 * SECOND_MS;
/** A larger reply is not kept: it must fit an item. */
export const KEPT_REPLY_BYTES_MAX = 300 * KIB;

/** Relations that the code relies on, checked once when the module loads. */
const relations: readonly (readonly [boolean, string])[] = [
  [SEND_BYTES_MAX < OBJECT_FRAMES_BYTES_MAX, "a send fits one object"],
  [INLINE_FRAME_BYTES_MAX <= UPDATE_FRAME_BYTES_MAX, "an inline frame fits an update"],
  [BLOCK_CLOSING_BYTES.crowded + UPDATE_FRAME_BYTES_MAX < 300 * KIB, "a block fits an item"],
  [CLAIMS_PER_UPDATE_MAX <= CLAIMS_MAX, "an update names no more claims than an item holds"],
  [CONFIGURED_QUEUES_MAX * (CLIENT_ID_CHARS_MAX + 2 * NAME_CHARS_MAX) < 300 * KIB, "a group with its settings fits an item"],
  [QUEUES_MAX < LAG_QUEUES_MAX, "a request for lag looks at a whole topic"],
  [SETTLE_DEADLINE_MS + SEND_DEADLINE_MS + WAIT_SECONDS_MAX * SECOND_MS < REQUEST_RUN_MS_MAX, "no request outlives its run"],
  [IDEMPOTENCY_WINDOW_MS <= DEDUP_WINDOW_SECONDS_MAX * SECOND_MS, "a send is known for as long as its request"],
  [EXPIRY_GUARD_SECONDS * SECOND_MS > 2 * FLIGHT_MS_MAX, "the guard outlasts a freeze and a flight"],
];
for (const [holds, what] of relations) if (!holds) throw new Error(`limits do not fit together: ${what}`);
