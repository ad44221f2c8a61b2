import { BrokerError } from "../../../core/errors.ts";
import { SEND_BYTES_MAX, SEND_ENTRIES_MAX } from "../../../core/limits.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import { CHECK_AFTER_SECONDS_DEFAULT, CHECK_AFTER_SECONDS_MAX } from "../../../core/transaction/transaction-limits.ts";
import { Code, type Message } from "../generated/apache/rocketmq/v2/definition.ts";
import type { SendMessageRequest, SendMessageResponse, SendResultEntry } from "../generated/apache/rocketmq/v2/service.ts";
import { isPacked, isTransactional, messageInputOf, plainBody, sendIdentity } from "../message-input.ts";
import { topicName } from "../names.ts";
import type { Call, Serving } from "../serving.ts";
import { FAULT, OK, RefusedCall, statusOf } from "../status.ts";
import { msOf } from "../times.ts";
import { withTopic } from "../topics.ts";

/** Stores messages of one topic; a transaction is one message. Answers an entry for each. */
export async function sendMessage(serving: Serving, { messages }: SendMessageRequest, call: Call): Promise<SendMessageResponse> {
  const [first] = messages;
  if (!first || messages.length > SEND_ENTRIES_MAX)
    throw new RefusedCall(Code.BAD_REQUEST, `A call sends 1 to ${SEND_ENTRIES_MAX} messages.`);
  const topic = topicName(first.topic);
  if (messages.some((message) => message.topic?.name !== topic))
    throw new RefusedCall(Code.BAD_REQUEST, "All messages of a call go to one topic.");
  const packed = messages.some(({ systemProperties }) => isPacked(systemProperties));
  const bytes = messages.reduce((sum, { body }) => sum + body.length, packed ? SEND_BYTES_MAX : 0);
  if (!serving.memory.take(bytes)) throw new RefusedCall(Code.TOO_MANY_REQUESTS, "The server holds as many bytes as it may.");
  try {
    const inputs = await inputsOf(serving, messages, call);
    const isHalf = messages.some(({ systemProperties }) => isTransactional(systemProperties));
    const [input] = inputs;
    if (!input || (isHalf && inputs.length > 1))
      throw new RefusedCall(Code.MESSAGE_PROPERTY_CONFLICT_WITH_TYPE, "A transaction has one message.");
    if (inputs.length > 1) return answerOf(await sendAll(serving, topic, inputs));
    const send = () => (isHalf ? sendHalf(serving, topic, { message: first, input }, call) : sendSingle(serving, topic, input));
    return answerOf([await sentOnce(serving, topic, input, call, send)]);
  } finally {
    serving.memory.give(bytes);
  }
}

/** One after the other: all that is unpacked at once is what a call may send. Errors: those of `messageInputOf` and `plainBody`. */
async function inputsOf({ options }: Serving, messages: readonly Message[], { session }: Call): Promise<readonly MessageInput[]> {
  const sendOnce = options.sendOnce === "stored";
  const inputs: MessageInput[] = [];
  let bytesMax = SEND_BYTES_MAX;
  for (const message of messages) {
    const unpacked = plainBody(message, bytesMax);
    const body = unpacked instanceof Uint8Array ? unpacked : await unpacked;
    bytesMax -= body.length;
    if (bytesMax < 0)
      throw new RefusedCall(Code.MESSAGE_BODY_TOO_LARGE, `The bodies of a call have ${SEND_BYTES_MAX} bytes in all.`);
    inputs.push(messageInputOf(message, body, { onceFrom: sendOnce ? session.clientId : undefined }));
  }
  return inputs;
}

async function sendAll(serving: Serving, topic: string, inputs: readonly MessageInput[]): Promise<readonly SendResultEntry[]> {
  const receipts = await withTopic(serving, topic, () => serving.broker.sendMessages(topic, inputs));
  return receipts.map((receipt, at) => (BrokerError.is(receipt) ? failed(receipt) : sent(receipt, inputs[at]?.messageId)));
}

async function sendSingle(serving: Serving, topic: string, input: MessageInput): Promise<SendResultEntry> {
  const [entry] = await sendAll(serving, topic, [input]);
  if (!entry) throw new Error("a message was not answered");
  return entry;
}

/** Clients repeat calls with one message. */
function sentOnce(
  { options, recentSends }: Serving,
  topic: string,
  input: MessageInput,
  { session }: Call,
  send: () => Promise<SendResultEntry>,
): Promise<SendResultEntry> {
  if (options.sendOnce !== "remembered") return send();
  const key = `${topic}\n${sendIdentity(session.clientId, input.messageId ?? "", input.body)}`;
  return recentSends.once(key, send, ({ status }) => status?.code === Code.OK);
}

async function sendHalf(
  serving: Serving,
  topic: string,
  { message, input }: { readonly message: Message; readonly input: MessageInput },
  { session }: Call,
): Promise<SendResultEntry> {
  const asked = message.systemProperties?.orphanedTransactionRecoveryDuration;
  const checkAfterMs = Math.min(
    asked ? Math.max(0, msOf(asked)) : CHECK_AFTER_SECONDS_DEFAULT * 1_000,
    CHECK_AFTER_SECONDS_MAX * 1_000,
  );
  const options = { producerGroup: topic, checkAfterMs };
  const half = await withTopic(serving, topic, () => serving.broker.sendHalfMessage(topic, input, options));
  const { messageId, transactionId } = half;
  serving.checks.add(session, topic);
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
