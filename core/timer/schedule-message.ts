import { hash32 } from "../bytes/hash32.ts";
import { QUEUES_MAX, SEND_DEADLINE_MS } from "../limits.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { FailedWrites, ItemStore, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { RETRY_MS, retryPauseMs } from "../store/retry-pause.ts";
import type { StoreDependencies } from "../store/store-dependencies.ts";
import type { Topic } from "../terms.ts";
import type { TimerBell } from "../wake/timer-bell.ts";
import { isFree, messageTimerItem, shardOf, type TimerPlace, timerKey } from "./timer.ts";
import { OVERDUE_TIMER_LIFE_MS } from "./timer-limits.ts";
import type { TimerShards } from "./timer-shards.ts";

export interface Scheduling extends StoreDependencies {
  readonly log: QueueLog;
  readonly bell: TimerBell;
  readonly shards: TimerShards;
  /** How long after it was sent a store call may still be applied. */
  readonly flightMs: number;
}

export type ScheduleOutcome =
  | { readonly status: "stored"; readonly place: TimerPlace }
  | { readonly status: "refused"; readonly place: TimerPlace; readonly currents: FailedWrites };

const HOUR_MS = 3_600_000;

/**
 * Stores a message that waits until `dueMs` under its timer's id: one put, or one transaction with `companions`.
 *
 * A fired timer leaves nothing behind, so a late put could bring it back to life. So the put is repeated only while the first one,
 * wherever it is, must land before the due time. Companions fence a transaction, so it may always be repeated. If the write may not be
 * repeated, or not any longer, and its outcome is unknown, one read settles what it can:
 * - Something is in the timer's place. No other write has its id, so this one was applied, together with its companions: the message
 *   is stored. A tombstone proves the same: somebody found the message in the list, and cancelled or moved it.
 * - Nothing is there. The put was lost, or is still on its way, or the message was already fired. These cannot be told apart, so the
 *   outcome stays unknown.
 * Errors: `StoreUnavailable`.
 */
export async function scheduleMessage(
  scheduling: Scheduling,
  topic: Topic,
  message: {
    readonly record: MessageRecord;
    readonly dueMs: number;
    readonly id: string;
    /** The dedup key under which `companions` make it known. */
    readonly dedupKey: string | undefined;
  },
  companions?: (place: TimerPlace) => readonly TransactWrite[],
): Promise<ScheduleOutcome> {
  const { items, clock, log, bell } = scheduling;
  const { record, dueMs, id, dedupKey } = message;
  const groupHash = record.messageGroup === undefined ? undefined : hash32(record.messageGroup);
  const place = { shard: shardOf(groupHash ?? hash32(id), scheduling.shards.count), dueMs, id };
  const startedAtMs = clock.nowMs();
  const deadlineMs = startedAtMs + SEND_DEADLINE_MS;
  const lifeHours = frameLifeHours(dueMs, startedAtMs);
  const frame = await log.detached.encode({ ...record, messageId: undefined }, lifeHours, deadlineMs);
  const item = messageTimerItem({
    ...place,
    topicUid: topic.uid,
    topic: topic.name,
    frame,
    chosenId: record.messageId,
    groupHash,
    // No topic has more queues, and each number has a stream of its own.
    priority: record.priority && Math.min(record.priority, QUEUES_MAX - 1),
    dedupKey,
    moves: 0,
  });
  const write = async (): Promise<FailedWrites | undefined> => {
    if (!companions) {
      await items.put(item, { when: isFree, purpose: "append" });
      return undefined;
    }
    const writes = [{ kind: "put", item, when: isFree } as const, ...companions(place)];
    const result = await items.transact(writes, { purpose: "append" });
    // The timer exists: an earlier attempt of this very write stored it.
    return result.ok || result.failures[0] ? undefined : result.failures.slice(1);
  };
  const fencedUntilMs = companions ? Number.POSITIVE_INFINITY : dueMs;
  const refused = await repeatWhileFenced(scheduling, { fencedUntilMs, deadlineMs }, write).catch(async (error: unknown) => {
    if (!(await wasApplied(items, place, error))) throw error;
    return undefined;
  });
  if (refused) return { status: "refused", place, currents: refused };
  await bell.written(dueMs);
  return { status: "stored", place };
}

/** Whether a write with an unknown outcome was applied. */
async function wasApplied(items: ItemStore, place: TimerPlace, error: unknown): Promise<boolean> {
  if (!StoreUnavailable.is(error) || error.outcome !== "unknown") return false;
  try {
    return (await items.get(timerKey(place))) !== undefined;
  } catch (failure) {
    if (StoreUnavailable.is(failure)) return false;
    throw failure;
  }
}

/** How long the frame of a message must stay readable. It may be due long before it is fired. */
export const frameLifeHours = (dueMs: number, nowMs: number): number =>
  Math.ceil((dueMs + OVERDUE_TIMER_LIFE_MS - nowMs) / HOUR_MS);

/** Repeats `call` after lost replies, as long as a repeat is harmless: until well before `fencedUntilMs`. Errors: `StoreUnavailable`. */
async function repeatWhileFenced<T>(
  { clock, random, flightMs }: Scheduling,
  { fencedUntilMs, deadlineMs }: { readonly fencedUntilMs: number; readonly deadlineMs: number },
  call: () => Promise<T>,
): Promise<T> {
  let unknown = false;
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (!StoreUnavailable.is(error)) throw error;
      unknown ||= error.outcome === "unknown";
      const over = error.reason === "full" || clock.nowMs() >= deadlineMs;
      if (over || (unknown && clock.nowMs() + 2 * flightMs >= fencedUntilMs))
        throw new StoreUnavailable(unknown ? "unknown" : "not-applied", error.reason, error.message, { cause: error });
      await clock.sleep(retryPauseMs(RETRY_MS, failures, random.fraction()));
    }
  }
}
