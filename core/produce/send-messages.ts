import type { Arrivals } from "../consume/arrivals.ts";
import { BrokerError } from "../errors.ts";
import { SEND_DEADLINE_MS, SEND_PATIENCE_MS } from "../limits.ts";
import type { AppendOutcome, QueueLog } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { Clock } from "../ports/clock.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import { asBrokerError } from "../store-errors.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { fixedQueue } from "./choose-queue.ts";
import { checkMessage } from "./message-rules.ts";
import type { QueueChoice } from "./queue-choice.ts";

export interface Producing {
  readonly topics: TopicRegistry;
  readonly log: QueueLog;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  readonly choice: QueueChoice;
}

/** Entries of one call that go to one queue, by their index in it. */
interface Portion {
  queueId: number;
  /** Whether another queue would do as well: not where others of the call have theirs, with which order is kept. */
  free: boolean;
  readonly indexes: number[];
}

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map();

/**
 * Stores messages: each is acknowledged once it is durable, with its queue and offset. Entries of one call that go to one queue
 * are stored together, in their order; the others succeed or fail on their own.
 *
 * Limits: 1 … 100 entries, bodies of 1 byte … 4 MiB. Errors: TOPIC_NOT_FOUND, FORBIDDEN; per entry what `checkMessage` throws,
 * STORE_UNAVAILABLE (not stored), REQUEST_TIMEOUT (perhaps stored). Not idempotent.
 * Source: RocketMQ SendMessage; invariants I1, I2.
 */
export async function sendMessages(
  producing: Producing,
  topicName: string,
  entries: readonly MessageInput[],
): Promise<readonly (SendReceipt | BrokerError)[]> {
  const topic = await producing.topics.resolve(topicName);
  if (topic.name !== topicName || topicName.startsWith("%"))
    throw new BrokerError("FORBIDDEN", "Only the broker writes to system topics.");
  if (!(topic.perm & 2))
    throw new BrokerError("FORBIDDEN", `Topic '${topic.name}' does not allow writing: its perm is ${topic.perm}.`);
  const results: (SendReceipt | BrokerError)[] = [];
  const portions = portionsOf(producing, topic, entries, results);
  await Promise.all(portions.map((portion) => sendPortion(producing, topic, portion, entries, results)));
  if (portions.length > 0) producing.arrivals.topicRings(topic.uid);
  return results;
}

/** Sorts the entries by queue; those that may go anywhere go together. */
function portionsOf(
  producing: Producing,
  topic: Topic,
  entries: readonly MessageInput[],
  results: (SendReceipt | BrokerError)[],
): readonly Portion[] {
  const portions = new Map<number, Portion>();
  let anywhere: number | undefined;
  for (const [index, entry] of entries.entries()) {
    try {
      checkMessage(topic, entry);
    } catch (error) {
      results[index] = asBrokerError(error);
      continue;
    }
    const fixed = fixedQueue(topic, entry);
    if (fixed === undefined) anywhere ??= producing.choice.choose(topic);
    const queueId = fixed ?? (anywhere as number);
    const portion = portions.get(queueId) ?? { queueId, free: true, indexes: [] };
    portion.free &&= fixed === undefined;
    portion.indexes.push(index);
    portions.set(queueId, portion);
  }
  const all = [...portions.values()];
  if (all.length > 1) for (const portion of all) portion.free = false;
  return all;
}

async function sendPortion(
  producing: Producing,
  topic: Topic,
  portion: Portion,
  entries: readonly MessageInput[],
  results: (SendReceipt | BrokerError)[],
): Promise<void> {
  const { indexes } = portion;
  const nowMs = producing.clock.nowMs();
  const records = indexes.map((index) => recordOf(entries[index] as MessageInput, nowMs));
  try {
    const outcome = await appendPortion(producing, topic, portion, records, nowMs + SEND_DEADLINE_MS);
    if (outcome.status === "refused") throw new Error("an append without companions was refused");
    for (const [ordinal, index] of indexes.entries()) {
      const messageId = outcome.messageIds[ordinal] as string;
      results[index] = { messageId, queueId: portion.queueId, offset: outcome.offset + ordinal };
    }
  } catch (error) {
    const answer = asBrokerError(error);
    for (const index of indexes) results[index] = answer;
  }
}

/** Appends to the portion's queue; where another queue would do and this one does not take it, to another. */
async function appendPortion(
  { log, clock, choice }: Producing,
  topic: Topic,
  portion: Portion,
  records: readonly MessageRecord[],
  deadlineMs: number,
): Promise<AppendOutcome> {
  for (;;) {
    const { queueId, free } = portion;
    const startedAtMs = clock.nowMs();
    const movable = free && topic.writeQueues > 1 && startedAtMs < deadlineMs;
    try {
      const giveUpAtMs = movable ? Math.min(deadlineMs, startedAtMs + SEND_PATIENCE_MS) : deadlineMs;
      const outcome = await log.append(topic, queueId, records, { giveUpAtMs });
      if (outcome.status === "stored")
        choice.saw(topic.uid, queueId, { latencyMs: clock.nowMs() - startedAtMs, lostRaces: outcome.lostRaces });
      return outcome;
    } catch (error) {
      if (StoreUnavailable.is(error)) choice.saw(topic.uid, queueId, "failed");
      if (!movable || !canMove(error) || clock.nowMs() >= deadlineMs) throw error;
      portion.queueId = choice.choose(topic);
    }
  }
}

/** Only what certainly did not happen may be tried elsewhere. */
const canMove = (error: unknown): boolean =>
  StoreUnavailable.is(error) && error.outcome === "not-applied" && error.reason !== "full";

const recordOf = (message: MessageInput, nowMs: number): MessageRecord => ({
  messageId: message.messageId,
  bornAtMs: message.bornAtMs ?? nowMs,
  tag: message.tag,
  keys: message.keys ?? [],
  properties: message.properties ?? NO_PROPERTIES,
  messageGroup: message.messageGroup,
  priority: message.priority,
  body: message.body,
});
