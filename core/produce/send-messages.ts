import type { Arrivals } from "../consume/arrivals.ts";
import { BrokerError } from "../errors.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { Clock } from "../ports/clock.ts";
import { asBrokerError } from "../store-errors.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { chooseQueue } from "./choose-queue.ts";
import { checkMessage } from "./message-rules.ts";

export interface Producing {
  readonly topics: TopicRegistry;
  readonly log: QueueLog;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  /** Counts sends, so that messages without a queue of their own go round. */
  nextTurn(): number;
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
  const turn = producing.nextTurn();
  const queues = new Map<number, number[]>();
  for (const [index, entry] of entries.entries()) {
    try {
      checkMessage(topic, entry);
    } catch (error) {
      results[index] = asBrokerError(error);
      continue;
    }
    const queueId = chooseQueue(topic, entry, turn);
    const together = queues.get(queueId);
    if (together) together.push(index);
    else queues.set(queueId, [index]);
  }
  await Promise.all([...queues].map(([queueId, indexes]) => sendToQueue(producing, topic, queueId, entries, indexes, results)));
  if (queues.size > 0) producing.arrivals.topicRings(topic.uid);
  return results;
}

async function sendToQueue(
  producing: Producing,
  topic: Topic,
  queueId: number,
  entries: readonly MessageInput[],
  indexes: readonly number[],
  results: (SendReceipt | BrokerError)[],
): Promise<void> {
  const nowMs = producing.clock.nowMs();
  const records = indexes.map((index) => recordOf(entries[index] as MessageInput, nowMs));
  try {
    const outcome = await producing.log.append(topic, queueId, records);
    if (outcome.status === "refused") throw new Error("an append without companions was refused");
    for (const [ordinal, index] of indexes.entries()) {
      results[index] = { messageId: outcome.messageIds[ordinal] as string, queueId, offset: outcome.offset + ordinal };
    }
  } catch (error) {
    const answer = asBrokerError(error);
    for (const index of indexes) results[index] = answer;
  }
}

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
