import { deleteGroup } from "./admin/delete-group.ts";
import { getGroup } from "./admin/get-group.ts";
import { groupLag, listGroupsWithLag } from "./admin/group-lag.ts";
import { guardQueueCounts } from "./admin/queue-counts.ts";
import { resetOffsets } from "./admin/reset-offsets.ts";
import { deleteTopic, topicQueues } from "./admin/topic-admin.ts";
import { listTopicsWithLag, topicGroups } from "./admin/topic-lag.ts";
import { heartbeat } from "./assignment/heartbeat.ts";
import { listMembers, removeMember } from "./assignment/members.ts";
import type { Broker } from "./broker.ts";
import type { BrokerSettings } from "./broker-settings.ts";
import { toBase64url } from "./bytes/base64url.ts";
import { continueRedrives } from "./dead-letter/continue-redrives.ts";
import type { DeadLetter, DeadLetterPage } from "./dead-letter/dead-letter.ts";
import { deleteDeadLetter, getDeadLetter, listDeadLetters, purgeDeadLetters } from "./dead-letter/dead-letter-admin.ts";
import { keepRedriving } from "./dead-letter/keep-redriving.ts";
import { countRedrive, redriveProgress, resumeRedrive, startRedrive } from "./dead-letter/redrive.ts";
import { RedriveBell } from "./dead-letter/redrive-bell.ts";
import { endDepartures } from "./deletions/end-departures.ts";
import { CompiledFilters } from "./filter/compiled-filters.ts";
import { patchGroup, putGroup, putSubscription } from "./group/change-group.ts";
import { declareSubscription } from "./group/declare-subscription.ts";
import { GroupRegistry } from "./group/group-registry.ts";
import { SubscriptionRegistry } from "./group/subscription-registry.ts";
import { runOnce } from "./idempotency/run-once.ts";
import { KeyIndex } from "./key-index/key-index.ts";
import type { DroppedBlocks } from "./log/drop-expired.ts";
import type { LogDependencies } from "./log/log-settings.ts";
import { QueueLog } from "./log/queue-log.ts";
import { bodyBytes } from "./message/body-bytes.ts";
import { createOffsets } from "./offsets/create-offsets.ts";
import type { Doorbell } from "./ports/doorbell.ts";
import { type Events, UNHEARD } from "./ports/events.ts";
import type { HearGauges } from "./ports/gauges.ts";
import { type Reading, UNBOUNDED_READING } from "./ports/reading.ts";
import type { Signer } from "./ports/signer.ts";
import { QueueChoice } from "./produce/queue-choice.ts";
import { sendMessages } from "./produce/send-messages.ts";
import { AttemptTags } from "./progress/attempt-tags.ts";
import { KeyedMutex } from "./progress/keyed-mutex.ts";
import { LeaseClock } from "./progress/lease-clock.ts";
import { ProgressStore } from "./progress/progress-store.ts";
import { ShortenedLeases } from "./progress/shortened-leases.ts";
import { listUnreadable } from "./progress/unreadable-message.ts";
import { offsetAt, pullMessages } from "./pull/pull-messages.ts";
import { createQueries } from "./query/create-queries.ts";
import { receiveMessages } from "./receive/receive-messages.ts";
import { Rotation } from "./receive/rotation.ts";
import { keepRolling, type RollingOptions, rollHinted } from "./roller/rolling.ts";
import { ReceiptHandles } from "./settle/receipt-handle.ts";
import { settleMessages } from "./settle/settle-messages.ts";
import { type OpenedStore, openStore } from "./store/open-store.ts";
import { answering, answeringSteps, unlessFull } from "./store/store-errors.ts";
import { listScheduled } from "./timer/list-scheduled.ts";
import { deleteParked, listParked } from "./timer/parked-timers.ts";
import { RecallHandles } from "./timer/recall-handle.ts";
import { cancelMessage, rescheduleMessage } from "./timer/recall-message.ts";
import { keepScanning, keepTime, scan } from "./timer/scanner.ts";
import { dropExpiredMessages } from "./topic/drop-expired-messages.ts";
import { TopicRegistry } from "./topic/topic-registry.ts";
import { checksAgain } from "./transaction/checks-again.ts";
import { createTransactions, type TransactionDependencies } from "./transaction/create-transactions.ts";
import { Arrivals } from "./wake/arrivals.ts";
import { TimerBell } from "./wake/timer-bell.ts";
import { WaitingReceives } from "./wake/waiting-receives.ts";

export interface BrokerDependencies extends LogDependencies, TransactionDependencies, RollingOptions {
  readonly signer: Signer;
  readonly settings: BrokerSettings;
  /** Wakes the scanner, if it does not run in this process. */
  readonly doorbell?: Doorbell | undefined;
  /** Default: every read runs at once. */
  readonly reading?: Reading | undefined;
  /** Told what happens to messages without a caller knowing. */
  readonly events?: Events | undefined;
  /** Told failures of work that no caller waits for. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Told how late timers are fired, if this process fires them. */
  readonly onGauges?: HearGauges | undefined;
  /** The minimum number of timer shards: TIMER_SHARDS to TIMER_SHARDS_MAX. The stored number is never lowered. */
  readonly timerShards?: number | undefined;
}

export interface RunningBroker extends Broker {
  /** Signs cursors of the HTTP layer. It is stored, so that it survives restarts. */
  readonly signingKey: Uint8Array;
  /** The background work of a long-lived process, until the signal aborts: fires timers as they fall due, and continues redrives. */
  keepGoing(signal: AbortSignal): Promise<void>;
  /** Deletes what has expired, where deleting costs nothing; `dropped` hears of each queue that had some. Errors: `StoreUnavailable`. */
  dropExpired(signal: AbortSignal, dropped: (blocks: DroppedBlocks) => Promise<void>): Promise<void>;
  /**
   * Copies what is full of queues to segments and then drops it, until the signal aborts: for a process that is alone on its store;
   * `dropped` hears of blocks that went. It does nothing on a store whose format knows no segments.
   */
  keepRolling(signal: AbortSignal, dropped: (blocks: DroppedBlocks) => Promise<void>): Promise<void>;
  /** Ends all long polls, now and from now on. */
  stop(): void;
}

/** Errors: `StoreCorrupt` if a newer version wrote this store; `StoreUnavailable`. */
export async function createBroker(dependencies: BrokerDependencies): Promise<RunningBroker> {
  const { items, clock, random } = dependencies;
  const opened = await openStore(items, random);
  const { signingKey, format } = opened;
  // The only process on its store: no older writer can be left.
  if (dependencies.settings.soleProcess) await format.raise(items).catch(unlessFull);
  if (dependencies.timerShards !== undefined) await opened.timerShards.raise(items, dependencies.timerShards).catch(unlessFull);
  const parts = assemble(dependencies, opened);
  const { admin, scanning, transactions, redriving } = parts;
  const newHolder = () => toBase64url(random.bytes(6));
  return {
    signingKey,
    async keepGoing(signal) {
      const { soleProcess } = dependencies.settings;
      const scanned = soleProcess ? keepTime(scanning, signal) : keepScanning(scanning, newHolder, signal);
      await Promise.all([scanned, keepRedriving(redriving, signal)]);
      await transactions.finishChecks(0);
    },
    dropExpired: (signal, dropped) => dropExpiredMessages({ items, clock }, signal, dropped),
    keepRolling: (signal, dropped) => keepRolling(parts.rolling, signal, dropped),
    stop: () => parts.arrivals.stop(),

    ...topicVerbs(parts),
    ...groupVerbs(parts),
    ...parts.offsets,
    ...messageVerbs(parts),
    ...transactions.verbs,
    ...parts.queries,
    ...deadLetterVerbs(parts),
    storeFormat: () => answering(() => format.read(items)),
    raiseFormat: () =>
      answering(async () => {
        await format.raise(items);
        return format.read(items);
      }),

    checksAgain: (taken) => answering(() => checksAgain(parts.producing, taken)),
    runOnce: (request, work) => answering(() => runOnce({ items, clock, random }, request, work)),
    scan: (options) =>
      answering(async () => {
        try {
          return await scan(scanning, { ...options, holder: newHolder() });
        } finally {
          // If the process froze now, they would be answered much later.
          await transactions.finishChecks(options.untilMs);
        }
      }),
    maintain: ({ untilMs }) =>
      answering(async () => {
        const report = await endDepartures(admin, untilMs);
        const { running, errors } = await continueRedrives(redriving, untilMs);
        const rolled = await rollHinted(parts.rolling, untilMs);
        // A redrive that fails each time does not keep queues from being rolled.
        if (errors.length > 0) throw errors[0];
        return { ...report, complete: report.complete && !running && rolled };
      }),
  };
}

type Parts = ReturnType<typeof assemble>;

/** The dependencies of each kind of verb. */
function assemble(dependencies: BrokerDependencies, { signingKey, format, timerShards: shards }: OpenedStore) {
  const { items, clock, random, compressor, signer, settings, onFailure = () => {}, events = UNHEARD } = dependencies;
  const { reading = UNBOUNDED_READING } = dependencies;
  const { flightMs, skewMarginMs } = settings;
  const log = new QueueLog({ ...dependencies, format }, settings);
  const topics = new TopicRegistry(dependencies);
  const groups = new GroupRegistry(dependencies, topics);
  const subscriptions = new SubscriptionRegistry({ items, clock, random, log }, groups, topics);
  const arrivals = new Arrivals(clock, settings.polling);
  const waiting = new WaitingReceives(clock);
  const admin = { items, clock, random, log, topics, subscriptions, compressor, waiting };
  const choice = new QueueChoice({ clock, random, log }, settings.queueChoice);
  const recallHandles = new RecallHandles(signer, signingKey);
  const bell = new TimerBell({ items, clock, shards }, dependencies.doorbell);
  const producing = { items, clock, random, log, topics, arrivals, choice, bell, shards, flightMs, recallHandles, reading };
  const transactions = createTransactions(producing, dependencies, { events, onFailure });
  const scanning = {
    ...producing,
    checksDue: transactions.checksDue,
    checksNotPosted: transactions.notPosted,
    unitsPerSecond: settings.timerUnitsPerSecond,
    onFailure,
    onGauges: dependencies.onGauges ?? (() => undefined),
    events,
  };
  const consuming = {
    ...admin,
    clock: new LeaseClock(clock, false),
    format,
    events,
    filters: new CompiledFilters(),
    rotation: new Rotation(random),
    mutex: new KeyedMutex(),
    progressStore: new ProgressStore({ items, clock }),
    handles: new ReceiptHandles(signer, signingKey),
    attempts: new AttemptTags(signer, signingKey),
    shortened: new ShortenedLeases(),
    arrivals,
    reading,
    skewMarginMs,
  };
  // In a process that is alone on its store, receives and settles use a clock that does not step back.
  const delivering = { ...consuming, clock: new LeaseClock(clock, settings.soleProcess) };
  const keySource = new KeyIndex({ ...dependencies, log });
  const queries = createQueries(producing, { groups, subscriptions, leaseClock: delivering.clock, keySource });
  const rolling = { ...dependencies, format, log, reading: dependencies.background ?? reading, onFailure };
  const redriving = { ...consuming, groups, choice, bell: new RedriveBell(), onFailure };
  return {
    topics,
    groups,
    subscriptions,
    arrivals,
    admin,
    producing,
    transactions,
    scanning,
    consuming,
    offsets: createOffsets(consuming),
    delivering,
    redriving,
    queries,
    rolling,
  };
}

function topicVerbs({ topics, admin, consuming }: Parts) {
  const guard = guardQueueCounts.bind(undefined, consuming);
  return {
    listTopics: (request) => answering(() => topics.list(request)),
    listTopicsWithLag: (request) => answering(() => listTopicsWithLag(admin, request)),
    getTopic: (name) => answering(() => topics.get(name)),
    putTopic: (name, wanted, match) => answering(() => topics.put(name, wanted, guard, match)),
    patchTopic: (name, patch, match) => answering(() => topics.patch(name, patch, guard, match)),
    deleteTopic: (name, options) => answering(() => deleteTopic(admin, name, options)),
    topicQueues: (name) => answering(() => topicQueues(admin, name), { topic: name }),
    topicGroups: (name, request) => answering(() => topicGroups(admin, name, request)),
  } satisfies Partial<Broker>;
}

function groupVerbs({ groups, subscriptions, admin, consuming }: Parts) {
  return {
    listGroups: (request) => answering(() => groups.list(request)),
    listGroupsWithLag: (request) => answering(() => listGroupsWithLag(admin, request)),
    getGroup: (name) => answering(() => getGroup(admin, name)),
    putGroup: (name, wanted, match) => answering(() => putGroup(consuming, name, wanted, match)),
    patchGroup: (name, patch, match) => answering(() => patchGroup(consuming, name, patch, match)),
    deleteGroup: (name, options) => answering(() => deleteGroup(admin, name, options)),
    groupLag: (name, after) => answering(() => groupLag(admin, name, after)),
    pauseGroup: (name) => answering(() => patchGroup(consuming, name, { paused: true })),
    resumeGroup: (name) => answering(() => patchGroup(consuming, name, { paused: false })),
    listUnreadable: (name, request) => answering(async () => listUnreadable(admin.items, (await groups.get(name)).uid, request)),
    resetOffsets: (group, reset) => answering(() => resetOffsets(consuming, group, reset)),
    getSubscription: (group, topic) => answering(async () => (await subscriptions.get(group, topic)).subscription),
    putSubscription: (group, topic, wanted, match) =>
      answering(() => putSubscription(consuming, { group, topic }, wanted, match)),
    declareSubscription: (group, topic, request) => answering(() => declareSubscription(consuming, group, topic, request)),
    deleteSubscription: (group, topic, options) => answering(() => subscriptions.remove(group, topic, options)),

    heartbeat: (group, clientId, request) => answering(() => heartbeat(consuming, group, clientId, request)),
    listMembers: (group, request) => answering(() => listMembers(consuming, group, request)),
    removeMember: (group, clientId) => answering(() => removeMember(consuming, group, clientId)),
  } satisfies Partial<Broker>;
}

function messageVerbs({ producing, delivering }: Parts) {
  return {
    sendMessages: (topic, entries) => answering(() => sendMessages(producing, topic, entries), { topic }),
    listScheduled: (topic, request) => answering(() => listScheduled(producing, topic, request)),
    cancelMessage: (topic, handle) => answering(() => cancelMessage(producing, topic, handle)),
    rescheduleMessage: (topic, handle, atMs) => answering(() => rescheduleMessage(producing, topic, handle, atMs)),
    listParked: (request) => answering(() => listParked(producing.items, request)),
    deleteParked: (id) => answering(() => deleteParked(producing.items, id)),

    offsetAt: (topic, queueId, at) => answering(() => offsetAt(producing, { topic, queueId }, at), { topic, queueId }),
    pullMessages: (topic, queueId, request, signal) =>
      answering(() => pullMessages(producing, { topic, queueId }, request, signal), { topic, queueId }),
    receiveMessages: (group, request, signal) => answeringSteps(() => receiveMessages(delivering, group, request, signal)),
    settleMessages: (group, entries) => answering(() => settleMessages(delivering, group, entries)),
  } satisfies Partial<Broker>;
}

function deadLetterVerbs({ redriving }: Parts) {
  const { reading } = redriving;
  const pageBytes = ({ items }: DeadLetterPage): number => bodyBytes(items);
  const letterBytes = ({ body }: DeadLetter): number => body.length;
  return {
    listDeadLetters: (group, request) =>
      answering(() => reading.admit(() => listDeadLetters(redriving, group, request), pageBytes)),
    getDeadLetter: (group, id) => answering(() => reading.admit(() => getDeadLetter(redriving, group, id), letterBytes)),
    deleteDeadLetter: (group, id, options) => answering(() => deleteDeadLetter(redriving, group, id, options)),
    purgeDeadLetters: (group) => answering(() => purgeDeadLetters(redriving, group)),
    redriveDeadLetters: (group, request) => answeringSteps(() => startRedrive(redriving, group, request)),
    countRedrive: (group, request) => answering(() => countRedrive(redriving, group, request)),
    redriveProgress: (group, jobId) => answering(() => redriveProgress(redriving, group, jobId)),
    resumeRedrive: (group, jobId) => answeringSteps(() => resumeRedrive(redriving, group, jobId)),
  } satisfies Partial<Broker>;
}
