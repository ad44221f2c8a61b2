import { endingGeneration, readGeneration } from "../assignment/generation.ts";
import { departs } from "../deletions/departure.ts";
import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { RESET_ROUNDS_MAX } from "../limits.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { type ConsumedQueue, logQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { freshProgress, type Progress } from "../progress/progress.ts";
import { replacementOf } from "../progress/progress-change.ts";
import type { StoredAt } from "../requests.ts";
import { afterConflicts } from "../store/after-conflicts.ts";
import { finishing } from "../store/store-errors.ts";
import type { Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import { consumerLane } from "../wake/arrivals.ts";

type Resetting = Consumption & { readonly subscriptions: SubscriptionRegistry };

export interface OffsetReset {
  readonly topic: string;
  /** Default: every queue. */
  readonly queueId?: number | undefined;
  readonly to: "earliest" | "latest" | StoredAt | { readonly offset: number };
  readonly dryRun: boolean;
}

export interface QueueReset {
  readonly queueId: number;
  readonly before: number;
  readonly after: number;
}

/**
 * Moves a group to other offsets of a topic, queue by queue, and voids every earlier handle. Messages in flight at or behind the new
 * offset are delivered again; those before it count as settled. Members that pull have to heartbeat anew. `dryRun` changes nothing.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND, NOT_FOUND (no such subscription or queue), OFFSET_ILLEGAL (nothing was changed),
 * TOO_MANY_REQUESTS. Idempotent: it may be repeated, but handles given out in between are void too.
 * Source: RocketMQ resetOffsetByTimestamp; invariant I4.
 */
export async function resetOffsets(resetting: Resetting, groupName: string, reset: OffsetReset): Promise<readonly QueueReset[]> {
  const { subscription, group, topic } = await resetting.subscriptions.get(groupName, reset.topic);
  const filter = resetting.filters.of(subscription);
  const queues = queueIdsOf(resetting, topic, reset.queueId).map((queueId) => ({ group, subscription, topic, queueId, filter }));
  const planned: QueueReset[] = [];
  for (const queue of queues) {
    const progress = await unlessDamaged(() => resetting.progressStore.read(queue));
    const before = progress && progress !== "damaged" ? progress.next : 0;
    planned.push({ queueId: queue.queueId, before, after: await offsetFor(resetting, queue, reset.to) });
  }
  if (reset.dryRun) return planned;
  const done: QueueReset[] = [];
  for (const [index, queue] of queues.entries()) {
    const one = () => resetQueue(resetting, queue, reset.to === "latest" ? undefined : planned[index]?.after);
    done.push(await (done.length === 0 ? one() : finishing(one)));
  }
  // One ring wakes one waiter, and is passed on as long as there is something to take.
  resetting.arrivals.ring(consumerLane(subscription.uid));
  return done;
}

function queueIdsOf(resetting: Resetting, topic: Topic, queueId: number | undefined): readonly number[] {
  if (queueId === undefined) return Array.from({ length: visitedQueues(topic, resetting.clock.nowMs()) }, (_, id) => id);
  if (queueId < topic.queuesEver) return [queueId];
  const detail = `Topic '${topic.name}' has no queue ${queueId}: its queues are 0 to ${topic.queuesEver - 1}.`;
  throw new BrokerError("NOT_FOUND", detail);
}

async function offsetFor({ log }: Resetting, queue: ConsumedQueue, to: OffsetReset["to"]): Promise<number> {
  if (to === "earliest") return log.reader.minOffset(logQueue(queue));
  if (to === "latest") return log.reader.maxOffset(logQueue(queue));
  if ("timestampMs" in to) return log.reader.offsetAt(logQueue(queue), to);
  const { minOffset, maxOffset } = await log.reader.bounds(logQueue(queue));
  if (to.offset >= minOffset && to.offset <= maxOffset) return to.offset;
  throw new BrokerError(
    "OFFSET_ILLEGAL",
    `Offset ${to.offset} is outside queue ${queue.queueId}. Use one from ${minOffset} to ${maxOffset}. No queue was changed.`,
    { members: { queueId: queue.queueId, minOffset: String(minOffset), maxOffset: String(maxOffset) } },
  );
}

/**
 * Resets to `offset`, or to the latest. The item is replaced on the condition that its generation, offset and counters are as read: a
 * call that is applied late changes nothing. The same write ends the generation in which the group's members share its queues: so what
 * they pulled before the reset, and commit after it, is refused.
 */
async function resetQueue(resetting: Resetting, queue: ConsumedQueue, offset: number | undefined): Promise<QueueReset> {
  const { subscription, queueId } = queue;
  resetting.progressStore.forget(queue);
  let leaves = false;
  for (let round = 0; round < RESET_ROUNDS_MAX; round++) {
    const read = await unlessDamaged(() => resetting.progressStore.readAll([queue]));
    if (read === "damaged") return replaceDamaged(resetting, queue, offset);
    const [progress] = read as readonly [Progress];
    const { next, messagesOut } = progress;
    // Before the reset, after which nothing leads to what waits outside the item.
    if (messagesOut > 0 && !leaves) await leaveOutside(resetting, subscription.uid, queueId);
    leaves ||= messagesOut > 0;
    // The latest offset is read after the item, so it is never lower.
    const after = offset ?? (await offsetFor(resetting, queue, "latest"));
    const hint = await resetting.log.reader.hintFor(logQueue(queue), after);
    const { item, when } = replacementOf(progress, freshProgress(subscription.uid, queueId, after, hint));
    const ending = endingGeneration(queue.group.uid, await readGeneration(resetting.items, queue.group.uid));
    const replace = () => resetting.progressStore.replace(item, when, [ending]);
    if (await afterConflicts(resetting, replace)) return { queueId, before: next, after };
  }
  throw new BrokerError(
    "TOO_MANY_REQUESTS",
    `Consumers of group '${queue.group.name}' move too fast on queue ${queueId}. Pause the group, reset it, and resume it. ` +
      "Queues before this one are reset already.",
  );
}

/** Replaces an unreadable item. Its generation is unknown: the current seconds are above any that was counted. */
async function replaceDamaged(resetting: Resetting, queue: ConsumedQueue, offset: number | undefined): Promise<QueueReset> {
  const { subscription, queueId } = queue;
  const after = offset ?? (await offsetFor(resetting, queue, "latest"));
  const hint = await resetting.log.reader.hintFor(logQueue(queue), after);
  const generation = Math.floor(resetting.clock.wallMs() / 1_000);
  await resetting.progressStore.mend(freshProgress(subscription.uid, queueId, after, hint, generation));
  await finishing(() => endGeneration(resetting, queue.group.uid));
  return { queueId, before: 0, after };
}

async function endGeneration({ items }: Resetting, groupUid: string): Promise<void> {
  // If another raised it meanwhile, it has ended too.
  await items.transact([endingGeneration(groupUid, await readGeneration(items, groupUid))]);
}

async function unlessDamaged<T>(read: () => Promise<T>): Promise<T | "damaged"> {
  try {
    return await read();
  } catch (error) {
    if (StoreCorrupt.is(error)) return "damaged";
    throw error;
  }
}

/** Leaves what waited outside the progress item to maintenance. Older versions do not know this departure. */
async function leaveOutside({ items, clock, format }: Resetting, subscriptionUid: string, queueId: number): Promise<void> {
  if (format.version < 3) return;
  const uid = `${subscriptionUid}#${queueId}`;
  await items.transact([departs({ kind: "reset", uid, name: "", queues: 1 }, clock.nowMs())]);
}
