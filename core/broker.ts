import type { Heartbeat, HeartbeatRequest } from "./client/heartbeat.ts";
import type { ListedMember } from "./client/members.ts";
import type { GroupWithLag, TopicLag, WithLag } from "./consume/group-lag.ts";
import type { OffsetReset, QueueReset } from "./consume/reset-offsets.ts";
import type { UnreadableMessage } from "./consume/unreadable-message.ts";
import type { DeadLetter, DeadLetterPage } from "./dead-letter/dead-letter.ts";
import type { RedriveRequest } from "./dead-letter/redrive.ts";
import type { RedriveJob } from "./dead-letter/redrive-job.ts";
import type { BrokerError } from "./errors.ts";
import type { KeyedRequest } from "./idempotency/known-request.ts";
import type { KeyedResult, KeyedWork } from "./idempotency/run-once.ts";
import type { Unreadable } from "./log/frame.ts";
import type { MaintenanceReport } from "./maintenance/end-departures.ts";
import type { StoreFormats } from "./store-format.ts";
import type {
  Assignment,
  Backoff,
  ConsumerGroup,
  Filter,
  FlushMode,
  MessageInput,
  Perm,
  ReceivedMessage,
  SendReceipt,
  StartFrom,
  StoredMessage,
  Subscription,
  Topic,
  TopicType,
  TransactionCheck,
} from "./terms.ts";
import type { ScheduledMessage, ScheduledRequest } from "./timer/list-scheduled.ts";
import type { ParkedTimer } from "./timer/parked-timers.ts";
import type { ScanReport, ScanRun } from "./timer/scanner.ts";
import type { TakenCheck } from "./transaction/checks-again.ts";
import type { Transactions } from "./transaction/transactions.ts";

/** Everything a caller can ask of the broker. Every verb throws `BrokerError` for what the caller did, and for a store that fails. */
export interface Broker extends Transactions {
  // Topics
  listTopics(request: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<Topic>>;
  listTopicsWithLag(request: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<WithLag<Topic>>>;
  getTopic(name: string): Promise<Topic>;
  /** Creates the topic, or changes what `settings` names. `created` tells which. */
  putTopic(name: string, settings: TopicSettings, ifMatch?: VersionMatch): Promise<{ topic: Topic; created: boolean }>;
  /** Merge patch: `null` restores the default. */
  patchTopic(name: string, patch: Nullable<TopicSettings>, ifMatch?: VersionMatch): Promise<Topic>;
  deleteTopic(name: string, options: { dryRun: boolean; ifMatch?: VersionMatch | undefined }): Promise<TopicDeletion>;
  topicQueues(name: string): Promise<readonly QueueRoute[]>;
  /** The groups that read a topic. */
  topicGroups(name: string, request: ListRequest): Promise<ListPage<WithLag<Subscription>>>;

  // Groups and subscriptions
  listGroups(request: ListRequest): Promise<ListPage<ConsumerGroup>>;
  listGroupsWithLag(request: ListRequest): Promise<ListPage<GroupWithLag>>;
  getGroup(name: string): Promise<{ group: ConsumerGroup; subscriptions: readonly Subscription[]; consumersOnline: number }>;
  putGroup(name: string, settings: GroupSettings, ifMatch?: VersionMatch): Promise<{ group: ConsumerGroup; created: boolean }>;
  patchGroup(name: string, patch: Nullable<GroupSettings>, ifMatch?: VersionMatch): Promise<ConsumerGroup>;
  deleteGroup(name: string, options: { dryRun: boolean; ifMatch?: VersionMatch | undefined }): Promise<GroupDeletion>;
  /** `after`: the last topic of the page before. */
  groupLag(name: string, after?: string): Promise<ListPage<TopicLag>>;
  pauseGroup(name: string): Promise<ConsumerGroup>;
  resumeGroup(name: string): Promise<ConsumerGroup>;
  /** Moves the group to other offsets of a topic; handles given out before are void. */
  resetOffsets(group: string, reset: OffsetReset): Promise<readonly QueueReset[]>;
  getSubscription(group: string, topic: string): Promise<Subscription>;
  putSubscription(
    group: string,
    topic: string,
    settings: { readonly filter?: Filter | undefined; readonly startFrom?: StartFrom | undefined },
    ifMatch?: VersionMatch,
  ): Promise<{ subscription: Subscription; created: boolean }>;
  deleteSubscription(
    group: string,
    topic: string,
    options: { dryRun: boolean; ifMatch?: VersionMatch | undefined },
  ): Promise<SubscriptionDeletion>;

  // Members
  /** Joins the group, or stays in it; answers which queues are the client's own. */
  heartbeat(group: string, clientId: string, request: HeartbeatRequest): Promise<Heartbeat>;
  /** Those whose lease runs, by client id. */
  listMembers(group: string, request: ListRequest): Promise<ListPage<ListedMember>>;
  removeMember(group: string, clientId: string): Promise<void>;

  // Produce
  /** One result per entry, in order. Entries of one call keep their order inside each queue. */
  sendMessages(topic: string, entries: readonly MessageInput[]): Promise<readonly (SendReceipt | BrokerError)[]>;

  // Delayed messages
  /** By due time. */
  listScheduled(topic: string, request: ScheduledRequest): Promise<ListPage<ScheduledMessage>>;
  /** Errors: ALREADY_DELIVERED. A repeat is answered alike. */
  cancelMessage(topic: string, recallHandle: string): Promise<void>;
  rescheduleMessage(
    topic: string,
    recallHandle: string,
    deliverAtMs: number,
  ): Promise<{ readonly recallHandle: string; readonly deliverAtMs: number }>;
  /** Those that could not be delivered when they were due. */
  listParked(request: ListRequest): Promise<ListPage<ParkedTimer>>;
  deleteParked(id: string): Promise<void>;

  // Consume
  pullMessages(topic: string, queueId: number, request: PullRequest, signal?: AbortSignal): Promise<PullResult>;
  receiveMessages(group: string, request: ReceiveRequest, signal?: AbortSignal): Promise<readonly ReceivedMessage[]>;
  /** One result per entry, in order. */
  settleMessages(group: string, entries: readonly SettleEntry[]): Promise<readonly SettleResult[]>;

  /** Messages of a group that could not be read and were put aside, by subscription, queue and offset. */
  listUnreadable(group: string, request: ListRequest): Promise<ListPage<UnreadableMessage>>;

  // Dead letters
  /** In the order they died. */
  listDeadLetters(group: string, request: DeadLetterListRequest): Promise<DeadLetterPage>;
  getDeadLetter(group: string, id: string): Promise<DeadLetter>;
  /** Answers what it deleted, or would. */
  deleteDeadLetter(group: string, id: string, options: { dryRun: boolean }): Promise<DeadLetter>;
  /** Deletes all there are; answers how many. */
  purgeDeadLetters(group: string): Promise<number>;
  /** Starts a job and works on it for a moment; others who ask for it, and maintenance, go on. */
  redriveDeadLetters(group: string, request: RedriveRequest): Promise<RedriveJob>;
  /** What a redrive would take. */
  countRedrive(group: string, request: RedriveRequest): Promise<{ readonly matched: number; readonly complete: boolean }>;
  /** How far a redrive is. Reads only. */
  redriveProgress(group: string, jobId: string): Promise<RedriveJob>;
  /** Goes on with a redrive for as long as a request should take. */
  resumeRedrive(group: string, jobId: string): Promise<RedriveJob>;

  // Requests that are known by a key
  /** Runs `work`, or answers with the result of the same request before. Errors: REQUEST_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED. */
  runOnce<T>(request: KeyedRequest, work: KeyedWork<T>): Promise<KeyedResult<T>>;
  /** Checks that a receive took before: those that are still to be answered, by the same numbers. Changes nothing. */
  checksAgain(taken: readonly TakenCheck[]): Promise<readonly TransactionCheck[]>;

  // Time
  /** One run of the scanner, as a schedule starts it every minute: fires what is due, until the next relieves it. */
  scan(request: Omit<ScanRun, "holder">): Promise<ScanReport>;

  // Stored format
  storeFormat(): Promise<StoreFormats>;
  /** Lets this and later processes write the newest format. Older versions refuse to start on the store from then on. Idempotent. */
  raiseFormat(): Promise<StoreFormats>;

  // Maintenance
  /** What a schedule runs: it makes the store smaller. Nothing that is promised depends on it; any number may run at once. */
  maintain(request: { readonly untilMs: number }): Promise<MaintenanceReport>;
}

export interface ListRequest {
  readonly limit: number;
  readonly prefix?: string | undefined;
  /** Name after which the page starts. */
  readonly after?: string | undefined;
}

export interface DeadLetterListRequest {
  readonly limit: number;
  /** Bytes of bodies at most; the first dead letter comes whatever its size. */
  readonly maxBytes: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  /** Name to continue after; absent on the last page. */
  readonly next: string | undefined;
  /** False when a bound stopped the scan before `limit` items were found; continue at `next`. */
  readonly complete: boolean;
}

/** A condition on the resource's ETag: `version` must be the current one, or any where `*`. */
export interface VersionMatch {
  readonly etags: readonly string[] | "*";
}

export type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

export interface TopicSettings {
  readonly type?: TopicType | undefined;
  /** Sets both counts. */
  readonly queues?: number | undefined;
  readonly writeQueues?: number | undefined;
  readonly readQueues?: number | undefined;
  readonly retentionHours?: number | undefined;
  readonly flushMode?: FlushMode | undefined;
  readonly perm?: Perm | undefined;
  readonly rooms?: readonly string[] | undefined;
}

export interface GroupSettings {
  readonly ordered?: boolean | undefined;
  readonly maxAttempts?: number | undefined;
  readonly backoff?: Backoff | undefined;
  readonly leaseSeconds?: number | undefined;
  readonly paused?: boolean | undefined;
  readonly assignment?: Assignment | undefined;
}

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
  /** Bytes of frames in the newest block; a pointer counts with the object bytes it names. */
  readonly tailBytes: number;
}

export interface PullRequest {
  readonly from: { readonly offset: number } | { readonly timestampMs: number } | { readonly tail: number };
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
      /** Behind all that was looked at. */
      readonly nextOffset: number;
      /** Messages passed over because they cannot be read. Absent where there are none. */
      readonly unreadable?: readonly Unreadable[];
    }
  | { readonly status: "OFFSET_ILLEGAL" }
);

export interface ReceiveRequest {
  /** Default: every subscribed topic. */
  readonly topics?: readonly string[] | undefined;
  readonly max: number;
  /** Bytes of bodies at most; the first message comes whatever its size. Default: RECEIVE_BYTES_MAX. */
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
  | { readonly action: "extend"; readonly receiptHandle: string; readonly leaseMs: number }
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
