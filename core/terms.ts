/**
 * The words of this codebase. RocketMQ's nouns, with the unit last.
 *
 * - topic: a named stream of messages, split into **queues** numbered from 0.
 * - queue: a dense sequence of **offsets** 0, 1, 2 … never reused; stored as a chain of **blocks**.
 * - block: one table item holding **frames**; a frame is one send: a binary batch of records, or a pointer to one.
 * - consumer group: shares the messages of its **subscriptions** among its consumers, each message to one of them.
 * - claim: messages of one queue handed to one consumer, under a **lease** (RocketMQ: invisible duration).
 * - attempt: one delivery of a message to a group. The first is 1.
 * - member: a client of a consumer group that heartbeats. Who pulls for itself asks which queues are its own: its **assignment**.
 * - room: where a queue or a member is (RocketMQ: machine room), such as an availability zone.
 * - receipt handle: the signed right to settle one message of one claim: ack, nack, extend or dead-letter it.
 * - generation: counts the resets of a group's progress on a queue; what an older one handed out is void.
 * - half message: the message of a **transaction** that is not decided yet: stored, and in no queue.
 * - check: the broker asks a **producer group** what became of a transaction whose producer has not said.
 */

export const TOPIC_TYPES = ["NORMAL", "FIFO", "DELAY", "TRANSACTION", "PRIORITY", "MIXED"] as const;
export type TopicType = (typeof TOPIC_TYPES)[number];

export const FLUSH_MODES = ["ASYNC_FLUSH", "SYNC_FLUSH"] as const;
export type FlushMode = (typeof FLUSH_MODES)[number];

/** RocketMQ's permission bits: 2 write, 4 read, 6 both. */
export const PERMS = [2, 4, 6] as const;
export type Perm = (typeof PERMS)[number];

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
  /** Names the group's state items on this topic's queues. */
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
  /** When it is due. At most one of this and `delayMs`; neither, or not in the future: at once. */
  readonly deliverAtMs?: number | undefined;
  readonly delayMs?: number | undefined;
  readonly once?: SendIdentity | undefined;
}

/** What a repeated send is known by, within its topic: such a send is stored once and answered alike every time. */
export type SendIdentity =
  | { readonly kind: "key"; readonly key: string; readonly windowMs: number }
  /** As an idempotent producer of Kafka: each sequence follows the one before. */
  | { readonly kind: "sequence"; readonly producerId: string; readonly sequence: number };

export interface StoredMessage {
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

/** PREPARED until it is committed or rolled back; DISCARDED when its producer never said which. */
export const TRANSACTION_STATES = ["PREPARED", "COMMITTED", "ROLLED_BACK", "DISCARDED"] as const;
export type TransactionState = (typeof TRANSACTION_STATES)[number];

export type Resolution = "commit" | "rollback";

/** A message that is stored, and delivered only if its producer commits it. */
export interface Transaction {
  readonly id: string;
  readonly messageId: string;
  readonly topic: string;
  readonly producerGroup: string;
  readonly state: TransactionState;
  /** Checks made. */
  readonly checks: number;
  /** While it is prepared. */
  readonly nextCheckAtMs: number | undefined;
  /** Why the last check got no answer from the group's endpoint, or was not posted to it. */
  readonly checkFailure: string | undefined;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Of a committed one. */
  readonly queueId: number | undefined;
  /** Of a committed one whose message has not expired. */
  readonly offset: number | undefined;
}

export interface HalfMessageReceipt {
  readonly transactionId: string;
  readonly messageId: string;
  /** It was stored before, by a send with the same identity. */
  readonly duplicate: boolean;
}

/** A question to a producer: what became of this transaction? */
export interface TransactionCheck {
  readonly transactionId: string;
  /** The first is 1. */
  readonly checkNumber: number;
  readonly topic: string;
  readonly producerGroup: string;
  /** It has no queue yet. */
  readonly message: Omit<StoredMessage, "queueId" | "offset">;
}

/** Producers that can answer for each other's transactions. One needs no settings: any name is one. */
export interface ProducerGroup {
  readonly name: string;
  readonly uid: string;
  /** Where checks are posted, signed with the secret; both or neither. */
  readonly url: string | undefined;
  readonly secret: Uint8Array | undefined;
  readonly maxChecks: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly version: number;
}

/** Whether a producer group's endpoint is called, by how it answered. */
export interface EndpointState {
  /** It is called; it is not; or the next check tries it. */
  readonly state: "CLOSED" | "OPEN" | "HALF_OPEN";
  /** Calls in a row that it left unanswered; 0 while it is CLOSED. */
  readonly failures: number;
  /** Until then it is, or was, not called. */
  readonly openUntilMs: number | undefined;
  readonly lastFailure: string | undefined;
  readonly lastFailureAtMs: number | undefined;
}

/** Settings, and how their endpoint does where they have a url. */
export interface ShownProducerGroup extends ProducerGroup {
  readonly endpoint: EndpointState | undefined;
}
