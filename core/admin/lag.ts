import { backlogPk, movedOutFrom, movedOutPk, movedOutUntil, progressKey } from "../keys.ts";
import { LAG_MOVED_OUT_CLAIMS_MAX, LAG_QUEUES_AT_ONCE } from "../limits.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { storedAtMsOf } from "../log/slices.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { offsetsOfBacklog } from "../progress/backlog.ts";
import { movedOutClaimOf } from "../progress/moved-out-claim.ts";
import { freshProgress, type Progress, progressOf } from "../progress/progress.ts";
import type { Subscription, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";

/** What a group has not settled. */
export interface Lag {
  /** Live messages that wait to be handed out, and those in flight. */
  readonly lag: number;
  /** Handed out and not settled, or held back for their message group. One that expired counts until a receive drops it. */
  readonly inFlight: number;
  /** Could not be read, and were put aside. */
  readonly unreadable: number;
  /** Store time of the oldest that is still stored. Of claims outside the progress item a bounded number is looked at. */
  readonly oldestUnackedAtMs: number | undefined;
}

export interface QueueLag extends Lag {
  readonly queueId: number;
  /** First offset not handed out yet: what a filter has passed over lies before it. */
  readonly committed: number;
  readonly minOffset: number;
  readonly maxOffset: number;
}

export interface LagDependencies {
  readonly items: ItemStore;
  readonly log: QueueLog;
  readonly clock: Clock;
}

interface Bounds {
  readonly minOffset: number;
  readonly maxOffset: number;
}

/** Where a topic's queues begin and end. */
export type QueueBounds = (queueId: number) => Promise<Bounds>;

export const boundsOf =
  ({ log }: LagDependencies, topic: Topic): QueueBounds =>
  async (queueId) => {
    const queue = queueOf(topic, queueId);
    // Both only grow, so a minimum read first is never above the maximum.
    const minOffset = await log.reader.minOffset(queue);
    return { minOffset, maxOffset: await log.reader.maxOffset(queue) };
  };

/** Reads each queue's bounds once, for all groups of a topic. */
export function boundsOnce(store: LagDependencies, topic: Topic): QueueBounds {
  const known = new Map<number, Promise<Bounds>>();
  const read = boundsOf(store, topic);
  return (queueId) => {
    const bounds = known.get(queueId) ?? read(queueId);
    known.set(queueId, bounds);
    return bounds;
  };
}

/** One entry per queue that consumers visit. A queue nobody received from yet counts from its beginning. */
export async function queueLags(
  store: LagDependencies,
  subscription: Pick<Subscription, "uid">,
  topic: Topic,
  bounds: QueueBounds = boundsOf(store, topic),
): Promise<readonly QueueLag[]> {
  const lags: QueueLag[] = [];
  const queues = visitedQueues(topic, store.clock.nowMs());
  for (let from = 0; from < queues; from += LAG_QUEUES_AT_ONCE) {
    const queueIds = Array.from({ length: Math.min(LAG_QUEUES_AT_ONCE, queues - from) }, (_, index) => from + index);
    // Progress before bounds: what is handed out meanwhile counts as waiting, and nothing is missed.
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

interface Place extends Queue {
  readonly subscriptionUid: string;
}

async function queueLag(
  store: LagDependencies,
  place: Place,
  progress: Progress,
  { minOffset, maxOffset }: Bounds,
): Promise<QueueLag> {
  // After total expiry both bounds are the cap, above `next`: nothing waits.
  const waitingFrom = Math.max(progress.next, minOffset);
  const waiting = Math.max(0, maxOffset - waitingFrom);
  const held = heldOffsets(progress);
  const inFlight = held.length + progress.movedOut;
  const movedOut = progress.movedOut > 0 ? await movedOutOffsets(store, place, progress) : [];
  const live = [...held, ...movedOut, ...(waiting > 0 ? [waitingFrom] : [])].filter((offset) => offset >= minOffset);
  const oldestUnackedAtMs =
    live.length === 0
      ? undefined
      : await storedAtMs(
          store,
          place,
          live.reduce((a, b) => Math.min(a, b)),
        );
  const { queueId } = place;
  const { next: committed, unreadable } = progress;
  return { queueId, committed, minOffset, maxOffset, lag: waiting + inFlight, inFlight, unreadable, oldestUnackedAtMs };
}

/** Open in a claim of the item, or deferred. */
function heldOffsets({ claims, deferred }: Progress): readonly number[] {
  const offsets = [...deferred.offsets];
  for (const { first, open } of claims.values()) for (const relative of open) offsets.push(first + relative);
  return offsets;
}

/**
 * The lowest offset of each claim outside the item, those due first, and of backlogs whose claim is not: what waits behind a claim is
 * younger.
 */
async function movedOutOffsets(store: LagDependencies, place: Place, progress: Progress): Promise<readonly number[]> {
  const within = {
    from: movedOutFrom(progress.generation),
    to: movedOutUntil(progress.generation),
    limit: LAG_MOVED_OUT_CLAIMS_MAX,
  };
  const claims = await store.items.query({ pk: movedOutPk(place.subscriptionUid, place.queueId), ...within });
  const offsets = claims.items.map((item) => {
    const { first, open } = movedOutClaimOf(item);
    return first + (open[0] ?? 0);
  });
  if (progress.backlogged.size === 0) return offsets;
  const backlogs = await store.items.query({ pk: backlogPk(place.subscriptionUid, place.queueId), ...within });
  return [...offsets, ...backlogs.items.flatMap((item) => offsetsOfBacklog(item)[0] ?? [])];
}

async function storedAtMs(store: LagDependencies, place: Place, offset: number): Promise<number | undefined> {
  const run = await store.log.reader.run(place, offset, 1);
  const [block] = run.blocks;
  return block && storedAtMsOf(block, run.from);
}
