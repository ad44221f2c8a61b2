import type { BrokerError } from "./errors.ts";
import type { Unreadable } from "./log/frame.ts";
import type { Boundary, ConsumerGroup, Filter, MessageModel, StoredMessage, Subscription, Topic } from "./terms.ts";

export interface ListRequest {
  readonly limit: number;
  readonly prefix?: string | undefined;
  /** Name after which the page starts. */
  readonly after?: string | undefined;
}

export interface DeadLetterListRequest {
  readonly limit: number;
  /** The most bytes of bodies. The first dead letter is included whatever its size. */
  readonly maxBytes: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Name to continue after; absent on the last page. */
  readonly next: string | undefined;
  /** False if a bound stopped the scan before `limit` items were found: continue at `next`. */
  readonly complete: boolean;
}

/** A condition on the resource's ETag: one of these must be the current one; `*` means that the resource must exist. */
export interface VersionMatch {
  readonly etags: readonly string[] | "*";
}

export type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** What users set of a topic. */
export type TopicOptions = Pick<Topic, "type" | "writeQueues" | "readQueues" | "retentionHours" | "flushMode" | "perm" | "rooms">;

export interface TopicSettings extends Optional<TopicOptions> {
  /** Sets both counts. */
  readonly queues?: number | undefined;
}

/** What users set of a group. */
export type GroupOptions = Pick<ConsumerGroup, "ordered" | "maxAttempts" | "backoff" | "leaseSeconds" | "paused" | "assignment">;

export type GroupSettings = Optional<GroupOptions>;

export interface TopicDeletion {
  readonly topic: Topic;
  readonly messages: number;
  readonly groups: readonly string[];
}

export interface GroupDeletion {
  readonly group: ConsumerGroup;
  readonly subscriptions: readonly string[];
  readonly deadLetters: number;
}

export interface SubscriptionDeletion {
  readonly subscription: Subscription;
  /** Messages waiting and in flight that this group would no longer receive. */
  readonly waiting: number;
  readonly inFlight: number;
}

export interface QueueRoute {
  readonly queueId: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly minOffset: number;
  /** Exclusive: the next offset to be written. */
  readonly maxOffset: number;
  readonly lastStoredAtMs: number | undefined;
  /** Bytes of frames in the newest block. A pointer counts with the bytes of its frame in the object. */
  readonly tailBytes: number;
}

/** A place in a queue, by store time. */
export interface StoredAt {
  readonly timestampMs: number;
  /** Default: LOWER. */
  readonly boundary?: Boundary | undefined;
}

/** The first offset that is stored, or the next to be written. */
export type QueueEnd = "earliest" | "latest";

/** Where a time is in a queue, and where the queue begins and ends. */
export interface OffsetAt {
  readonly offset: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

export interface PullRequest {
  readonly from: { readonly offset: number } | StoredAt | { readonly tail: number };
  readonly limit: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  /** Default: every message. */
  readonly filter?: Filter | undefined;
}

export type PullResult = {
  readonly minOffset: number;
  readonly maxOffset: number;
} & (
  | {
      readonly status: "FOUND" | "NO_NEW_MSG" | "NO_MATCHED_MSG";
      readonly messages: readonly StoredMessage[];
      /** The offset behind all that was read. */
      readonly nextOffset: number;
      /** Messages that were skipped because they cannot be read. Absent if there are none. */
      readonly unreadable?: readonly Unreadable[];
    }
  | { readonly status: "OFFSET_ILLEGAL" }
);

/** A commit: all before the offset is done. */
export interface OffsetCommit {
  /** The next to be pulled. */
  readonly offset: number;
  /** Who commits. With CLUSTERING together with `generation`, or neither, where a group has no members. */
  readonly clientId?: string | undefined;
  /** In which its last heartbeat gave it the queue. */
  readonly generation?: number | undefined;
  /** Default false: what is before the committed offset is refused. */
  readonly allowRewind?: boolean | undefined;
  /** Default CLUSTERING. */
  readonly messageModel?: MessageModel | undefined;
}

export interface GroupOffsetsRequest {
  /** Default: every topic that the group is subscribed to. */
  readonly topic?: string | undefined;
  /** The offsets that this client keeps for itself, instead of the group's. */
  readonly clientId?: string | undefined;
  /** The last topic of the page before. */
  readonly after?: string | undefined;
}

/** Where a group, or a client that reads for itself, stands on a queue. */
export interface CommittedOffset {
  readonly topic: string;
  readonly queueId: number;
  /** The next to be pulled. May be below minOffset, where messages expired unread. */
  readonly offset: number;
  readonly minOffset: number;
  readonly maxOffset: number;
  /** Stored messages from there on, and those that receives hold. */
  readonly lag: number;
}

/** The same on a queue where the client has committed nothing yet. */
export type QueueOffset = Omit<CommittedOffset, "offset" | "lag"> & {
  readonly offset: number | undefined;
  readonly lag: number | undefined;
};

export interface ReceiveRequest {
  /** Default: every subscribed topic. */
  readonly topics?: readonly string[] | undefined;
  readonly max: number;
  /** The most bytes of bodies. The first message is included whatever its size. Default: RECEIVE_BYTES_MAX. */
  readonly maxBytes?: number | undefined;
  readonly waitMs: number;
  /** Default: the group's. */
  readonly leaseMs?: number | undefined;
  readonly attemptId?: string | undefined;
}

export type SettleEntry =
  | { readonly action: "ack"; readonly receiptHandle: string }
  | {
      readonly action: "nack";
      readonly receiptHandle: string;
      /** Default: the group's backoff. */
      readonly delayMs?: number | undefined;
      /** Default true. */
      readonly countAttempt?: boolean | undefined;
      readonly reason?: string | undefined;
    }
  | {
      readonly action: "extend";
      readonly receiptHandle: string;
      readonly leaseMs: number;
      /** True: the lease ends after exactly this time, even if it would have run for longer. 0 ends it at once. Default false. */
      readonly mayShorten?: boolean | undefined;
      /** Only with `mayShorten`. False: if the lease ends so, this delivery does not count as an attempt. Default true. */
      readonly countAttempt?: boolean | undefined;
    }
  | { readonly action: "deadLetter"; readonly receiptHandle: string; readonly reason?: string | undefined };

export type SettleResult =
  | { readonly status: "acked" | "nacked" | "deadLettered"; readonly receiptHandle: string }
  | {
      readonly status: "extended";
      readonly receiptHandle: string;
      readonly newReceiptHandle: string;
      readonly leaseUntilMs: number;
    }
  | { readonly status: "error"; readonly receiptHandle: string; readonly error: BrokerError };
