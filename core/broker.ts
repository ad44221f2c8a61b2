import type { GroupWithLag, TopicLag, WithLag } from "./admin/group-lag.ts";
import type { OffsetReset, QueueReset } from "./admin/reset-offsets.ts";
import type { Heartbeat, HeartbeatRequest } from "./assignment/heartbeat.ts";
import type { ListedMember } from "./assignment/members.ts";
import type { DeadLetter, DeadLetterPage } from "./dead-letter/dead-letter.ts";
import type { RedriveRequest } from "./dead-letter/redrive.ts";
import type { RedriveJob } from "./dead-letter/redrive-job.ts";
import type { MaintenanceReport } from "./deletions/end-departures.ts";
import type { BrokerError } from "./errors.ts";
import type { DeclaredSubscription, SubscriptionDeclaration } from "./group/declare-subscription.ts";
import type { KeyedRequest } from "./idempotency/known-request.ts";
import type { KeyedResult, KeyedWork } from "./idempotency/run-once.ts";
import type { Offsets } from "./offsets/offsets.ts";
import type { UnreadableMessage } from "./progress/unreadable-message.ts";
import type { Queries } from "./query/queries.ts";
import type {
  DeadLetterListRequest,
  GroupDeletion,
  GroupSettings,
  ListPage,
  ListRequest,
  Nullable,
  OffsetAt,
  PullRequest,
  PullResult,
  QueueEnd,
  QueueRoute,
  ReceiveRequest,
  SettleEntry,
  SettleResult,
  StoredAt,
  SubscriptionDeletion,
  TopicDeletion,
  TopicSettings,
  VersionMatch,
} from "./requests.ts";
import type { StoreFormats } from "./store/store-format.ts";
import type {
  ConsumerGroup,
  Filter,
  MessageInput,
  ReceivedMessage,
  SendReceipt,
  StartFrom,
  Subscription,
  Topic,
  TopicType,
} from "./terms.ts";
import type { ScheduledMessage, ScheduledRequest } from "./timer/list-scheduled.ts";
import type { ParkedTimer } from "./timer/parked-timers.ts";
import type { ScanOptions, ScanReport } from "./timer/scanner.ts";
import type { TakenCheck } from "./transaction/checks-again.ts";
import type { TransactionCheck } from "./transaction/transaction.ts";
import type { Transactions } from "./transaction/transactions.ts";

/** All verbs of the broker. Every verb throws `BrokerError` for errors of the caller and for failures of the store. */
export interface Broker extends Transactions, Queries, Offsets {
  // Topics
  listTopics(request: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<Topic>>;
  listTopicsWithLag(request: ListRequest & { readonly type?: TopicType | undefined }): Promise<ListPage<WithLag<Topic>>>;
  getTopic(name: string): Promise<Topic>;
  /** Creates the topic, or changes the given settings. `created` tells which. */
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
  /** Moves the group to other offsets of a topic. Earlier handles are void. */
  resetOffsets(group: string, reset: OffsetReset): Promise<readonly QueueReset[]>;
  getSubscription(group: string, topic: string): Promise<Subscription>;
  putSubscription(
    group: string,
    topic: string,
    settings: { readonly filter?: Filter | undefined; readonly startFrom?: StartFrom | undefined },
    ifMatch?: VersionMatch,
  ): Promise<{ subscription: Subscription; created: boolean }>;
  /** What the settings of a client say: made if it is absent, and its filter replaced if it is another. */
  declareSubscription(group: string, topic: string, request: SubscriptionDeclaration): Promise<DeclaredSubscription>;
  deleteSubscription(
    group: string,
    topic: string,
    options: { dryRun: boolean; ifMatch?: VersionMatch | undefined },
  ): Promise<SubscriptionDeletion>;

  // Members
  /** Joins the group, or stays in it. Answers the client's own queues. */
  heartbeat(group: string, clientId: string, request: HeartbeatRequest): Promise<Heartbeat>;
  /** The live members, by client id. */
  listMembers(group: string, request: ListRequest): Promise<ListPage<ListedMember>>;
  removeMember(group: string, clientId: string): Promise<void>;

  // Produce
  /** One result per entry, in order. Entries of one call keep their order inside each queue. */
  sendMessages(topic: string, entries: readonly MessageInput[]): Promise<readonly (SendReceipt | BrokerError)[]>;

  // Delayed messages
  /** By due time. */
  listScheduled(topic: string, request: ScheduledRequest): Promise<ListPage<ScheduledMessage>>;
  /** Answers the message's id. A repeat gets the same answer. Errors: ALREADY_DELIVERED. */
  cancelMessage(topic: string, recallHandle: string): Promise<{ readonly messageId: string }>;
  rescheduleMessage(
    topic: string,
    recallHandle: string,
    deliverAtMs: number,
  ): Promise<{ readonly recallHandle: string; readonly deliverAtMs: number }>;
  /** Delayed messages that could not be delivered. */
  listParked(request: ListRequest): Promise<ListPage<ParkedTimer>>;
  deleteParked(id: string): Promise<void>;

  // Consume
  pullMessages(topic: string, queueId: number, request: PullRequest, signal?: AbortSignal): Promise<PullResult>;
  offsetAt(topic: string, queueId: number, at: StoredAt | QueueEnd): Promise<OffsetAt>;
  receiveMessages(group: string, request: ReceiveRequest, signal?: AbortSignal): Promise<readonly ReceivedMessage[]>;
  /** One result per entry, in order. */
  settleMessages(group: string, entries: readonly SettleEntry[]): Promise<readonly SettleResult[]>;

  /** Messages of a group that could not be read and were put aside, by subscription, queue and offset. */
  listUnreadable(group: string, request: ListRequest): Promise<ListPage<UnreadableMessage>>;

  // Dead letters
  /** In the order they died. */
  listDeadLetters(group: string, request: DeadLetterListRequest): Promise<DeadLetterPage>;
  getDeadLetter(group: string, id: string): Promise<DeadLetter>;
  /** Answers the dead letter that it deleted, or would delete. */
  deleteDeadLetter(group: string, id: string, options: { dryRun: boolean }): Promise<DeadLetter>;
  /** Deletes all dead letters. Answers how many. */
  purgeDeadLetters(group: string): Promise<number>;
  /** Starts a job and works on it for a moment. Later requests for it, and maintenance, continue it. */
  redriveDeadLetters(group: string, request: RedriveRequest): Promise<RedriveJob>;
  /** How many dead letters a redrive would take. */
  countRedrive(group: string, request: RedriveRequest): Promise<{ readonly matched: number; readonly complete: boolean }>;
  /** The progress of a redrive. Reads only. */
  redriveProgress(group: string, jobId: string): Promise<RedriveJob>;
  /** Continues a redrive for as long as a request should take. */
  resumeRedrive(group: string, jobId: string): Promise<RedriveJob>;

  // Requests that are known by a key
  /** Runs `work`, or answers the kept result of the same request. Errors: REQUEST_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED. */
  runOnce<T>(request: KeyedRequest, work: KeyedWork<T>): Promise<KeyedResult<T>>;
  /** Those checks of an earlier receive that are still to be answered, by the same numbers. Changes nothing. */
  checksAgain(taken: readonly TakenCheck[]): Promise<readonly TransactionCheck[]>;

  // Time
  /** One scan, which a schedule starts every minute: fires what is due, until the next scan relieves it. */
  scan(request: Omit<ScanOptions, "holder">): Promise<ScanReport>;

  // Stored format
  storeFormat(): Promise<StoreFormats>;
  /** Lets this and later processes write the newest format. Older versions refuse to start on the store from then on. Idempotent. */
  raiseFormat(): Promise<StoreFormats>;

  // Maintenance
  /** To be run by schedule: makes the store smaller. No promise depends on it, and any number may run at once. */
  maintain(request: { readonly untilMs: number }): Promise<MaintenanceReport>;
}
