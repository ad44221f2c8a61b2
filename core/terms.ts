/**
 * The words of this codebase. RocketMQ's nouns, with the unit last.
 *
 * - topic: a named stream of messages, split into **queues** numbered from 0.
 * - queue: a dense sequence of **offsets** 0, 1, 2 … never reused; stored as a chain of **blocks**.
 * - block: one table item holding **frames**; a frame is one send: a binary batch of records, or a pointer to one.
 * - consumer group: shares the messages of its **subscriptions** among its consumers, each message to one of them.
 * - claim: messages of one queue handed to one consumer, under a **lease** (RocketMQ: invisible duration).
 * - attempt: one delivery of a message to a group. The first is 1.
 * - receipt handle: the signed right to settle one message of one claim: ack, nack, extend or dead-letter it.
 * - generation: counts the resets of a group's progress on a queue; what an older one handed out is void.
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
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** When writeQueues last fell; handlers may write by the older count for a while after. */
  readonly shrunkAtMs: number;
  readonly version: number;
}

/** Seconds before each redelivery, the last repeated; or an exponential series. */
export type Backoff =
  | readonly number[]
  | { readonly initialSeconds: number; readonly multiplier: number; readonly maxSeconds: number };

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
}

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

export interface SendReceipt {
  readonly messageId: string;
  readonly queueId: number;
  readonly offset: number;
}
