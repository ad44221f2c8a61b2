import { BrokerError } from "../../../core/errors.ts";
import type { SendReceipt } from "../../../core/terms.ts";
import { CHECK_AFTER_SECONDS_DEFAULT, CHECK_AFTER_SECONDS_MAX } from "../../../core/transaction/transaction-limits.ts";
import { Code, type Message } from "../generated/apache/rocketmq/v2/definition.ts";
import type { SendMessageRequest, SendMessageResponse, SendResultEntry } from "../generated/apache/rocketmq/v2/service.ts";
import { isTransactional, messageInputOf } from "../message-input.ts";
import { topicName } from "../names.ts";
import type { Call, Serving } from "../serving.ts";
import { FAULT, OK, RefusedCall, statusOf } from "../status.ts";
import { msOf } from "../times.ts";
import { topicOrMade } from "../topics.ts";

/** Stores messages of one topic; a transaction is one message. Answers an entry for each. */
export async function sendMessage(serving: Serving, { messages }: SendMessageRequest, call: Call): Promise<SendMessageResponse> {
  const [first] = messages;
  if (!first) throw new RefusedCall(Code.BAD_REQUEST, "There is no message.");
  const topic = topicName(first.topic);
  if (messages.some((message) => message.topic?.name !== topic))
    throw new RefusedCall(Code.BAD_REQUEST, "All messages of a call go to one topic.");
  const bytes = messages.reduce((sum, { body }) => sum + body.length, 0);
  if (!serving.memory.take(bytes)) throw new RefusedCall(Code.TOO_MANY_REQUESTS, "The server holds as many bytes as it may.");
  try {
    if (!messages.some(({ systemProperties }) => isTransactional(systemProperties)))
      return answerOf(await sendAll(serving, topic, messages));
    if (messages.length > 1) throw new RefusedCall(Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE, "A transaction has one message.");
    return answerOf([await sendHalf(serving, topic, first, call)]);
  } finally {
    serving.memory.give(bytes);
  }
}

async function sendAll(serving: Serving, topic: string, messages: readonly Message[]): Promise<readonly SendResultEntry[]> {
  const inputs = await Promise.all(messages.map((message) => messageInputOf(message, serving.options)));
  const send = () => serving.broker.sendMessages(topic, inputs);
  const receipts = await send().catch(async (error: unknown) => {
    if (!serving.options.makeTopics || !BrokerError.is(error) || error.code !== "TOPIC_NOT_FOUND") throw error;
    await topicOrMade(serving, topic);
    return send();
  });
  return receipts.map((receipt, at) =>
    BrokerError.is(receipt) ? failed(receipt) : sent(receipt, messages[at]?.systemProperties?.messageId),
  );
}

async function sendHalf(serving: Serving, topic: string, message: Message, { session }: Call): Promise<SendResultEntry> {
  const input = await messageInputOf(message, serving.options);
  const asked = message.systemProperties?.orphanedTransactionRecoveryDuration;
  const checkAfterMs = Math.min(
    asked ? Math.max(0, msOf(asked)) : CHECK_AFTER_SECONDS_DEFAULT * 1_000,
    CHECK_AFTER_SECONDS_MAX * 1_000,
  );
  const { messageId, transactionId } = await serving.broker.sendHalfMessage(topic, input, { producerGroup: topic, checkAfterMs });
  if (session.stream) serving.checks.add(session, topic);
  return { status: OK, messageId, transactionId, offset: 0, recallHandle: "" };
}

/** A delayed message has no offset yet. Clients take the transaction id of any other message for its id. */
function sent(receipt: SendReceipt, messageId = receipt.messageId): SendResultEntry {
  const entry = { status: OK, messageId, transactionId: messageId };
  if ("offset" in receipt) return { ...entry, offset: receipt.offset, recallHandle: "" };
  return { ...entry, offset: 0, recallHandle: receipt.recallHandle };
}

const failed = (error: BrokerError): SendResultEntry => ({
  status: statusOf(error) ?? FAULT,
  messageId: "",
  transactionId: "",
  offset: 0,
  recallHandle: "",
});

function answerOf(entries: readonly SendResultEntry[]): SendMessageResponse {
  const [first] = entries;
  const same = entries.every(({ status }) => status?.code === first?.status?.code);
  const status = same
    ? first?.status
    : { code: Code.MULTIPLE_RESULTS, message: "Some messages were stored, and others were not." };
  return { status, entries: [...entries] };
}
