import { hash32 } from "../bytes/hash32.ts";
import { repeatUnknown } from "../consume/repeat-unknown.ts";
import { BrokerError } from "../errors.ts";
import { checkHalfMessage } from "../produce/message-rules.ts";
import { writableTopic } from "../produce/send-messages.ts";
import { storeByKey } from "../produce/store-by-key.ts";
import { storeBySequence } from "../produce/store-by-sequence.ts";
import { recordOf } from "../produce/store-portion.ts";
import type { AnswerRepeat, WriteTogether } from "../produce/stored-once.ts";
import type { HalfMessageReceipt, MessageInput, Topic } from "../terms.ts";
import type { Scheduling } from "../timer/schedule-message.ts";
import { checkTimerItem, isFree, shardOf } from "../timer/timer.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { preparedItem } from "./half-message.ts";
import { checkProducerGroupName } from "./producer-group-name.ts";
import { HALF_MESSAGE_LIFE_MS } from "./transaction-limits.ts";
import type { HalfMessageOptions } from "./transactions.ts";

type Preparing = Scheduling & { readonly topics: TopicRegistry };

const HALF_MESSAGE_LIFE_HOURS = Math.ceil(HALF_MESSAGE_LIFE_MS / 3_600_000);

/**
 * Stores a message that is delivered only if its transaction commits. The half message and its first check are one transaction: none
 * is ever without the other, and a repeat of a write whose reply was lost finds what it wrote.
 *
 * Errors: TOPIC_NOT_FOUND, FORBIDDEN, what `checkHalfMessage` throws, BAD_REQUEST for the producer group's name, OUT_OF_ORDER_SEQUENCE,
 * IDEMPOTENCY_KEY_REUSED for the identity of a message that was sent without a transaction. Idempotent for a message with an
 * identity. Source: RocketMQ's SendMessage of a transaction message; invariants I8, I9.
 */
export async function sendHalfMessage(
  preparing: Preparing,
  topicName: string,
  message: MessageInput,
  options: HalfMessageOptions,
): Promise<HalfMessageReceipt> {
  checkProducerGroupName(options.producerGroup);
  const topic = await writableTopic(preparing, topicName);
  checkHalfMessage(topic, message);
  const write = prepare(preparing, topic, message, options);
  const [result] = await storeOnce(preparing, topic, message, write);
  if (result === undefined || BrokerError.is(result)) throw result ?? new Error("a half message was not answered");
  return result;
}

type Write = WriteTogether<MessageInput, HalfMessageReceipt>;

async function storeOnce(
  preparing: Preparing,
  topic: Topic,
  message: MessageInput,
  write: Write,
): Promise<readonly (HalfMessageReceipt | BrokerError)[]> {
  if (message.once?.kind === "sequence") return storeBySequence(preparing, topic.uid, [message], write, answerRepeat);
  if (message.once) return storeByKey(preparing, topic.uid, [message], write, answerRepeat);
  const outcome = await write([message]);
  if (outcome.status === "refused") throw new Error("a write without companions was refused");
  return outcome.receipts;
}

/** The write of this half message under an id of its own, whatever is stored with it. */
function prepare(preparing: Preparing, topic: Topic, message: MessageInput, options: HalfMessageOptions): Write {
  const { items, clock, log, bell } = preparing;
  const [id = ""] = log.detached.newIds(1);
  const { messageId, ...record } = recordOf(message, clock.nowMs());
  const createdAtMs = clock.nowMs();
  const check = { shard: shardOf(hash32(id), preparing.shards.count), dueMs: createdAtMs + options.checkAfterMs, id };
  let frame: Uint8Array | undefined;
  return async (_, identities) => {
    frame ??= await log.detached.encode({ ...record, messageId: undefined }, HALF_MESSAGE_LIFE_HOURS);
    const half = preparedItem({
      id,
      topicUid: topic.uid,
      topic: topic.name,
      producerGroup: options.producerGroup,
      frame,
      chosenId: messageId,
      nextCheckAtMs: check.dueMs,
      createdAtMs,
    });
    const refused = await repeatUnknown(preparing, async () => {
      const writes = [
        { kind: "put", item: half, when: isFree } as const,
        { kind: "put", item: checkTimerItem({ ...check, checks: 0, producerGroup: options.producerGroup }) } as const,
        ...(identities?.({ kind: "transaction", id }) ?? []),
      ];
      const result = await items.transact(writes, { purpose: "append" });
      // The half message is there: an earlier try of this very write.
      return result.ok || result.failures[0] ? undefined : result.failures.slice(2);
    });
    if (refused) return { status: "refused", currents: refused };
    await bell.written(check.dueMs);
    return { status: "stored", receipts: [{ transactionId: id, messageId: messageId ?? id, duplicate: false }] };
  };
}

const answerRepeat: AnswerRepeat<HalfMessageReceipt> = async ({ place, messageId }) => {
  if (place.kind === "transaction") return { transactionId: place.id, messageId, duplicate: true };
  const detail = "A message was sent with this key or sequence before, without a transaction. Use another one.";
  throw new BrokerError("IDEMPOTENCY_KEY_REUSED", detail);
};
