import { backlogPk, movedOutFrom, movedOutPk, movedOutUntil, progressKey } from "../keys.ts";
import { LAG_MOVED_OUT_CLAIMS_MAX, LAG_QUEUES_AT_ONCE } from "../limits.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { QueueBounds } from "../log/queue-reader.ts";
import { storedAtMsOf } from "../log/slices.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { offsetsOfBacklog } from "../progress/backlog.ts";
import { movedOutClaimOf } from "../progress/moved-out-claim.ts";
import { freshProgress, type Progress, progressOf, unsettledIn } from "../progress/progress.ts";
import type { Subscription, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";

/** The messages that a group has not settled. */
export interface Lag {
  /** Live messages that wait to be handed out, plus those in flight. */
  readonly lag: number;
  /** Handed out and not settled, or held back for their message group. An expired message counts until a receive drops it. */
  readonly inFlight: number;
  /** Unreadable messages that were put aside. */
  readonly unreadable: number;
  /** Store time of the oldest one that is still stored. Only a bounded number of claims outside the progress item is read. */
  readonly oldestUnackedAtMs: number | undefined;
}

export interface QueueLag extends Lag {
  readonly queueId: number;
  /** The first offset that was not handed out yet, or rejected by a filter. */
  readonly committed: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

export interface LagDependencies {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly clock: Clock;
}

type BoundsOf = (queueId: number) => Promise<QueueBounds>;

const boundsOf =
  ({ log }: LagDependencies, topic: Topic): BoundsOf =>
  (queueId) =>
    log.reader.bounds(queueOf(topic, queueId));

/** Reads each queue's bounds once, for all groups of a topic. */
export function boundsOnce(store: LagDependencies, topic: Topic): BoundsOf {
  const known = new Map<number, Promise<QueueBounds>>();
  const read = boundsOf(store, topic);
  return (queueId) => {
    const bounds = known.get(queueId) ?? read(queueId);
    known.set(queueId, bounds);
    return bounds;
  };
}

/** One entry per queue that consumers visit. A queue that nobody received from counts from its beginning. */
export async function queueLags(
  store: LagDependencies,
  subscription: Pick<Subscription, "uid">,
  topic: Topic,
  bounds: BoundsOf = boundsOf(store, topic),
): Promise<readonly QueueLag[]> {
  const lags: QueueLag[] = [];
  const queues = visitedQueues(topic, store.clock.nowMs());
  for (let from = 0; from < queues; from += LAG_QUEUES_AT_ONCE) {
    const queueIds = Array.from({ length: Math.min(LAG_QUEUES_AT_ONCE, queues - from) }, (_, index) => from + index);
    // Progress is read before bounds: a message that is handed out meanwhile counts as waiting, and none is missed.
    const items = await store.items.batchGet(queueIds.map((queueId) => progressKey(subscription.uid, queueId)));
    const some = queueIds.map(async (queueId, index) => {
      const progress = progressOf(items[index] ?? freshProgress(subscription.uid, queueId, 0, 0));
      return queueLag(store, { subscriptionUid: subscription.uid, ...queueOf(topic, queueId) }, progress, await bounds(queueId));
    });
    lags.push(...(await Promise.all(some)));
  }
  return lags;
}

export const sumOf = (lags: readonly Lag[]): Lag => {
  const oldest = lags.flatMap(({ oldestUnackedAtMs }) => oldestUnackedAtMs ?? []);
  return {
    lag: lags.reduce((sum, { lag }) => sum + lag, 0),
    inFlight: lags.reduce((sum, { inFlight }) => sum + inFlight, 0),
    unreadable: lags.reduce((sum, { unreadable }) => sum + unreadable, 0),
    oldestUnackedAtMs: oldest.length === 0 ? undefined : oldest.reduce((a, b) => Math.min(a, b)),
  };
};

interface SubscribedQueue extends Queue {
  readonly subscriptionUid: string;
}

async function queueLag(
  store: LagDependencies,
  queue: SubscribedQueue,
  progress: Progress,
  { minOffset, maxOffset }: QueueBounds,
): Promise<QueueLag> {
  const { waiting, inFlight } = unsettledIn({ minOffset, maxOffset }, progress);
  const held = heldOffsets(progress);
  const outside = progress.messagesOut > 0 ? await movedOutOffsets(store, queue, progress) : [];
  const live = [...held, ...outside, ...(waiting > 0 ? [Math.max(progress.next, minOffset)] : [])].filter(
    (offset) => offset >= minOffset,
  );
  const oldestUnackedAtMs =
    live.length === 0
      ? undefined
      : await storedAtMs(
          store,
          queue,
          live.reduce((a, b) => Math.min(a, b)),
        );
  const { queueId } = queue;
  const { next: committed, unreadable } = progress;
  return { queueId, committed, minOffset, maxOffset, lag: waiting + inFlight, inFlight, unreadable, oldestUnackedAtMs };
}

/** Offsets that are open in a claim of the item, or deferred. */
function heldOffsets({ claims, deferred }: Progress): readonly number[] {
  const offsets = [...deferred.offsets];
  for (const { first, open } of claims.values()) for (const relative of open) offsets.push(first + relative);
  return offsets;
}

/**
 * The lowest offset of each claim outside the item, those due first, and of each backlog whose claim is inside: messages behind a claim
 * are younger.
 */
async function movedOutOffsets(store: LagDependencies, queue: SubscribedQueue, progress: Progress): Promise<readonly number[]> {
  const within = {
    from: movedOutFrom(progress.generation),
    to: movedOutUntil(progress.generation),
    limit: LAG_MOVED_OUT_CLAIMS_MAX,
  };
  const claims = await store.items.query({ pk: movedOutPk(queue.subscriptionUid, queue.queueId), ...within });
  const offsets = claims.items.map((item) => {
    const { first, open } = movedOutClaimOf(item);
    return first + (open[0] ?? 0);
  });
  if (progress.backlogged.size === 0) return offsets;
  const backlogs = await store.items.query({ pk: backlogPk(queue.subscriptionUid, queue.queueId), ...within });
  return [...offsets, ...backlogs.items.flatMap((item) => offsetsOfBacklog(item)[0] ?? [])];
}

async function storedAtMs(store: LagDependencies, queue: SubscribedQueue, offset: number): Promise<number | undefined> {
  const run = await store.log.reader.run(queue, offset, 1);
  const [block] = run.blocks;
  return block && storedAtMsOf(block, run.from);
}
