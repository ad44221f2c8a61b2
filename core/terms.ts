/**
 * The words of this codebase: RocketMQ's where it has one. Names end with their unit.
 *
 * Topics and the log
 * - topic: a named stream of messages, split into **queues** numbered from 0. Its **perm** says whether it may be read and written.
 * - queue: a dense sequence of **offsets** 0, 1, 2 … that are never used twice; stored as a chain of blocks.
 * - block: one table item that holds **frames**. A frame is one send: a batch of **records**, or a pointer to one in the object store.
 * - chain: the blocks of a queue. Its last one is the **tail**; the **anchor** says how far its offsets may go.
 * - append: one write of frames to a chain, by the queue's **appender**. It is **pending** until it is known whether it was
 *   applied; **contention** is how often others were first.
 * - run: blocks that follow each other, as one read finds them; a **stretch** is some offsets of it, a **slice** those of one frame.
 * - segment: an object with runs of several queues, copied from their chains in **pages**. Its **directory** says what it holds, and
 *   its **trailer** where that is; an **index item** says of one run in which segment its pages are. A **piece** is the least that a
 *   page can begin with.
 * - roller: copies full blocks to segments, where a sender left a **hint**, and in a **sweep** over all queues. The **watermark** on a
 *   queue's anchor says how far. Blocks may be **dropped** after that.
 * - key file: sorted hashes of keys, and of ids that messages brought along: a segment's own, or of sixteen others. A **lookup**
 *   reads it with a **cursor**, a **merge** makes one of sixteen. It has **parts**, and says in which **positions** messages are.
 * - made id: a message id that the broker gave. Its **parts** are its time, its topic's hash and its queue. An **unplaced** one is of a
 *   message that has no queue yet.
 * - detached frame: a frame that is not in a queue: of a timer, or of a half message.
 * - destination: where messages of one call are stored together: a queue, a timer, a transaction, a dead-letter topic.
 * - identity: what a send is known by, so that a repeat stores nothing: a **dedup key**, or a producer's **sequence**.
 * - place: where a write put its messages, known before it is made.
 * - origin: how a message came here.
 * - boundary: which message a search by store time finds where none was stored just then.
 * - retention: how long the messages of a topic are kept. What was stored before the **horizon** has expired. A **raise** bounds the life
 *   of what was stored before it.
 * - effect: whether a call that failed may have changed something.
 *
 * Groups
 * - consumer group: shares the messages of its **subscriptions** among its consumers, each message to one of them. A subscription is of
 *   a group to a topic, with a **filter**; seen from the topic it is a **subscriber**. A **declaration** is what a client says of it.
 * - consumption: all that receiving and settling work with.
 * - progress: what a group has done on a queue: one item, with its next offset, its claims and its counters.
 * - generation: counts the resets of a progress; what an older one handed out is void.
 * - claim: messages of one queue handed to one consumer, under a **lease** (RocketMQ: invisible duration), or given back and waiting.
 * - delivery: messages that one receive took from one claim. What its consumer may settle is **held**.
 * - attempt: one delivery of a message to a group. The first is 1. **Backoff** is how long the next one waits. An
 *   **attemptId** names a receive that may be repeated.
 * - receipt handle: the signed right to settle one message of one delivery: ack, nack, extend or dead-letter it.
 * - bucket: a hash of message groups. What is behind a held bucket is **deferred** in the item, or in a **backlog** outside it.
 * - moved out: of a claim that waits long, outside its progress item.
 * - budget: what a receive may still take. A **pass** takes from the group's queues in **rotation**, one **step** after the other.
 * - lag: what a group has not settled.
 * - dead letter: a message that a group could not process; its **death** is why. A **redrive** brings dead letters back; what it
 *   moved leaves a **tombstone**.
 * - unreadable message: its bytes are damaged or lost; it is **put aside**.
 * - member: a client of a consumer group that sends **heartbeats**. Who pulls for itself asks which queues are its own: its
 *   **assignment**, by the **division** of a topic among the members, in their **sharing** of the group.
 * - commit: a consumer that pulls says up to where it has done a queue. The **ownership** of queues is a **fence**: it keeps out
 *   those whose queues went to others.
 *   RocketMQ's **message model** says whether the members share one offset of a queue, or each client has its own.
 * - room: where a queue or a member is (RocketMQ: machine room), such as an availability zone.
 *
 * Time
 * - timer: what is due at a time: a delayed message, the check of a transaction, or the **tombstone** of a message that was cancelled
 *   or moved. It lies in one of the **shards**.
 * - scan: firing timers for a while. It holds shards by leases, **looks** at each again and again by a **reader**, and fires by **lanes**.
 * - stream: timers that must not wait for others: of a message group, a topic, a producer group. A **lane** leads streams to one
 *   destination.
 * - cursor: where a reader goes on with what it passed over. A **sweep** looks for timers that were written late.
 * - units: write units of the table, of which a shard takes so many a second.
 * - recall: cancelling or moving a delayed message, by its **recall handle**.
 * - parked timer: a delayed message that cannot be delivered. It is **orphaned** when its topic was deleted.
 * - bell: wakes who waits for timers in this process; a **doorbell** rings for a scanner elsewhere.
 * - arrivals: wake requests that wait for messages or checks.
 *
 * Queries
 * - query: finds messages of a topic in a **window** of store times, by a **name**, which is a key or an id, or by a filter. They come
 *   newest first; a **position** is a place in that order.
 * - candidate: what may be a message that is searched for. A **key source** finds candidates by name, with an index or without one.
 * - stride: the messages of a queue that a search reads at once, walking backwards. It **sifts** them: not all are candidates. What was
 *   **spent** so far bounds the search.
 * - redelivery: one more delivery of a message to one group, by a copy.
 *
 * Transactions
 * - half message: the message of a **transaction** that is not decided yet: stored, and in no queue. Its **resolution** decides it.
 * - check: the broker asks a **producer group** what became of a transaction whose producer has not said.
 * - endpoint: where a producer group's checks go, each by a **post**. Its **breaker** opens while it is in **trouble**.
 *
 * The store
 * - item: what a table stores under a key. A **change** alters it, on a **condition**; **companions** are written beside an append.
 * - format: the layout of what is stored; a **quota** counts what is stored.
 * - departure: something deleted, whose leftovers maintenance removes.
 * - known request: what an Idempotency-Key was used for, and the answer, if it is kept.
 */

import type { Origin } from "./message/origin.ts";

export const TOPIC_TYPES = ["NORMAL", "FIFO", "DELAY", "TRANSACTION", "PRIORITY", "MIXED"] as const;
export type TopicType = (typeof TOPIC_TYPES)[number];

export const FLUSH_MODES = ["ASYNC_FLUSH", "SYNC_FLUSH"] as const;
export type FlushMode = (typeof FLUSH_MODES)[number];

/** Of a search by store time: the first message stored at or after it, or the last one stored at or before it. RocketMQ's BoundaryType. */
export const BOUNDARIES = ["LOWER", "UPPER"] as const;
export type Boundary = (typeof BOUNDARIES)[number];

/** Whether a group's clients share its messages, or each of them gets all. RocketMQ's MessageModel. */
export const MESSAGE_MODELS = ["CLUSTERING", "BROADCASTING"] as const;
export type MessageModel = (typeof MESSAGE_MODELS)[number];

/** RocketMQ's permission bits: 2 write, 4 read, 6 both. */
export const PERMS = [2, 4, 6] as const;
export type Perm = (typeof PERMS)[number];

/** Of the retention of a topic. */
export interface RetentionRaise {
  readonly atMs: number;
  /** The retention before it, hours. */
  readonly fromHours: number;
}

export interface Topic {
  readonly name: string;
  /** Names its queues' items, so that a topic made anew under an old name starts clean. */
  readonly uid: string;
  readonly type: TopicType;
  /** Queues that sends choose from: 0 … writeQueues − 1. */
  readonly writeQueues: number;
  /** Queues that consumers visit; never fewer than writeQueues. */
  readonly readQueues: number;
  /** Most queues it ever had. */
  readonly queuesEver: number;
  readonly retentionHours: number;
  /** Raises of the retention that older messages do not live by. */
  readonly retentionRaises: readonly RetentionRaise[];
  readonly flushMode: FlushMode;
  readonly perm: Perm;
  /** Dealt to its queues in turn: the queue's room is part of its broker name. */
  readonly rooms: readonly string[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When writeQueues last fell; handlers may write by the older count for a while after. */
  readonly shrunkAtMs: number;
  /** Until then at most its queue counts are being changed, and message groups wait; 0 while they are not. */
  readonly heldUntilMs: number;
  readonly version: number;
}

/** Seconds before each redelivery, the last repeated; or an exponential series. */
export type Backoff =
  | readonly number[]
  | { readonly initialSeconds: number; readonly multiplier: number; readonly maxSeconds: number };

/** RocketMQ's strategies that need nothing but their name. */
export const PLAIN_STRATEGIES = [
  "AVG",
  "AVG_BY_CIRCLE",
  "CONSISTENT_HASH",
  "MACHINE_ROOM",
  "MACHINE_ROOM_NEARBY-AVG",
  "MACHINE_ROOM_NEARBY-AVG_BY_CIRCLE",
  "MACHINE_ROOM_NEARBY-CONSISTENT_HASH",
] as const;

/** How the queues of a group's topics are shared among its members, each topic on its own. */
export type Assignment =
  | (typeof PLAIN_STRATEGIES)[number]
  /** Who gets which queue; no queue twice. */
  | { readonly strategy: "CONFIG"; readonly queues: readonly ConfiguredQueue[] }
  /** All members share the queues of these rooms; the plain one gives each member those of its own. */
  | { readonly strategy: "MACHINE_ROOM"; readonly rooms: readonly string[] };

export interface AssignedQueue {
  readonly topic: string;
  readonly queueId: number;
}

export interface ConfiguredQueue extends AssignedQueue {
  readonly clientId: string;
}

/** A client of a consumer group that heartbeats. */
export interface Member {
  readonly clientId: string;
  /** Topics it consumes; absent: all that the group is subscribed to. */
  readonly subscriptions: ReadonlySet<string> | undefined;
  readonly room: string | undefined;
  readonly firstSeenAtMs: number;
  readonly lastSeenAtMs: number;
}

export interface ConsumerGroup {
  readonly name: string;
  readonly uid: string;
  readonly ordered: boolean;
  /** Deliveries, the first included, before a message goes to the dead-letter topic. */
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly leaseSeconds: number;
  /** Delivers nothing; messages wait. */
  readonly paused: boolean;
  readonly assignment: Assignment;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly version: number;
}

export interface Filter {
  readonly type: "TAG" | "SQL92";
  readonly expression: string;
}

/** A filter that was replaced. */
export interface EarlierFilter extends Filter {
  readonly version: number;
  readonly replacedAtMs: number;
}

export type StartFrom = "latest" | "earliest" | { readonly timestampMs: number };

export interface Subscription {
  readonly group: string;
  readonly topic: string;
  /** Names the group's progress items on this topic's queues. */
  readonly uid: string;
  readonly topicUid: string;
  readonly filter: Filter;
  /** Filters it had before, the latest first; a few. */
  readonly earlierFilters: readonly EarlierFilter[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly version: number;
}

/** A message as a producer hands it over, decoded but not yet checked. */
export interface MessageInput {
  readonly body: Uint8Array;
  readonly tag?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  readonly properties?: ReadonlyMap<string, string> | undefined;
  readonly messageGroup?: string | undefined;
  readonly priority?: number | undefined;
  readonly messageId?: string | undefined;
  readonly bornAtMs?: number | undefined;
  /** The address of the producer, if it says so. */
  readonly bornHost?: string | undefined;
  /** The trace that the message belongs to, if its producer says so. */
  readonly traceContext?: string | undefined;
  /** When it is due. At most one of this and `delayMs`; neither, or not in the future: at once. */
  readonly deliverAtMs?: number | undefined;
  readonly delayMs?: number | undefined;
  /** Its consumers want to know when it was due, which is some bytes more. */
  readonly keepsDeliverAt?: boolean | undefined;
  readonly once?: SendIdentity | undefined;
}

/** What a repeated send is known by, within its topic: such a send is stored once and answered alike every time. */
export type SendIdentity =
  | { readonly kind: "key"; readonly key: string; readonly windowMs: number }
  /** As an idempotent producer of Kafka: each sequence follows the one before. */
  | { readonly kind: "sequence"; readonly producerId: string; readonly sequence: number };

export interface StoredMessage extends Origin {
  readonly messageId: string;
  readonly queueId: number;
  readonly offset: number;
  readonly bornAtMs: number;
  readonly storedAtMs: number;
  readonly tag: string | undefined;
  readonly keys: readonly string[];
  readonly properties: ReadonlyMap<string, string>;
  readonly messageGroup: string | undefined;
  readonly priority: number | undefined;
  readonly body: Uint8Array;
}

export interface ReceivedMessage extends StoredMessage {
  readonly topic: string;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly leaseUntilMs: number;
  readonly receiptHandle: string;
}

/** A message that is in its queue. */
export interface StoredReceipt {
  readonly messageId: string;
  readonly queueId: number;
  readonly offset: number;
  /** It was stored before, by a send with the same identity. */
  readonly duplicate: boolean;
}

/** A message that waits until it is due. */
export interface ScheduledReceipt {
  readonly messageId: string;
  readonly deliverAtMs: number;
  /** The signed right to cancel or reschedule it. */
  readonly recallHandle: string;
  readonly duplicate: boolean;
}

export type SendReceipt = StoredReceipt | ScheduledReceipt;
