import type { Broker } from "../../../core/broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { SEND_BYTES_MAX } from "../../../core/limits.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import { knownByRequest, type RequestIdentity } from "../idempotency-key.ts";
import { decodeMessage } from "../json/message-json.ts";
import { errorJson } from "../problem.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  batch,
  batchExample,
  batchResults,
  batchResultsExample,
  documentedBatch,
  message,
  messageExample,
  sendReceipt,
  sendReceiptExample,
} from "../schemas/messages.ts";
import { formatInstant } from "../times.ts";
import { validate } from "../validation.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Send";

/** The errors of every send. */
export const SEND_ERRORS = [
  "FORBIDDEN",
  "ILLEGAL_DELIVERY_TIME",
  "ILLEGAL_MESSAGE_PROPERTY_KEY",
  "ILLEGAL_TOPIC",
  "MESSAGE_BODY_EMPTY",
  "MESSAGE_BODY_TOO_LARGE",
  "MESSAGE_PROPERTIES_TOO_LARGE",
  "MESSAGE_EXPIRED",
  "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE",
  "OUT_OF_ORDER_SEQUENCE",
  "TOO_MANY_REQUESTS",
  "TOPIC_NOT_FOUND",
] as const;

export const receiptJson = (receipt: SendReceipt, topic: string) => {
  const { messageId, duplicate } = receipt;
  const head = { messageId, topic, status: "SEND_OK", duplicate };
  return "recallHandle" in receipt
    ? { ...head, deliverAt: formatInstant(receipt.deliverAtMs), recallHandle: receipt.recallHandle }
    : { ...head, queueId: receipt.queueId, offset: String(receipt.offset) };
};

/** Sends one message. Errors: those of the broker for it. */
export async function sendOne(broker: Broker, topic: string, input: MessageInput): Promise<SendReceipt> {
  const [result] = await broker.sendMessages(topic, [input]);
  if (result === undefined || BrokerError.is(result)) throw result ?? new Error("a send of one message had no result");
  return result;
}

/** An entry of a batch, or what is wrong with it: one wrong entry does not stop the others. */
function decodeEntry(entry: unknown): MessageInput | BrokerError {
  try {
    return decodeMessage(validate(message, entry, "body"));
  } catch (error) {
    if (BrokerError.is(error)) return error;
    throw error;
  }
}

/** One result per entry, in order: the broker's for those that could be read. */
async function sendBatch(
  broker: Broker,
  topic: string,
  entries: readonly unknown[],
  identity: RequestIdentity | undefined,
): Promise<(SendReceipt | BrokerError)[]> {
  const decoded = entries.map(decodeEntry).map((entry, index) => {
    return BrokerError.is(entry) ? entry : knownByRequest(entry, identity, index);
  });
  const inputs = decoded.filter((entry): entry is MessageInput => !BrokerError.is(entry));
  if (inputs.reduce((bytes, { body }) => bytes + body.length, 0) > SEND_BYTES_MAX) {
    throw new BrokerError(
      "MESSAGE_BODY_TOO_LARGE",
      `The bodies of one batch may have ${SEND_BYTES_MAX} bytes in all; send fewer.`,
    );
  }
  // An unknown topic is reported whatever the entries are.
  if (inputs.length === 0) await broker.getTopic(topic);
  const sent = inputs.length === 0 ? [] : await broker.sendMessages(topic, inputs);
  let next = 0;
  return decoded.map((entry) => {
    const result = BrokerError.is(entry) ? entry : sent[next++];
    if (result === undefined) throw new Error("a batch has fewer results than entries");
    return result;
  });
}

export const messageRoutes = ({ broker }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "POST",
    path: "/v1/topics/{topic}/messages",
    operationId: "sendMessage",
    tag,
    summary: "Send one message",
    description: "Answers once the message is stored.",
    body: { kind: "json", schema: message, example: messageExample },
    replies: { 201: { description: "Stored.", schema: sendReceipt, example: sendReceiptExample } },
    errors: SEND_ERRORS,
    async handle({ parameters, body, identity }) {
      const input = knownByRequest(decodeMessage(body), identity);
      return jsonReply(201, receiptJson(await sendOne(broker, parameters.topic, input), parameters.topic));
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/topics/{topic}/messages/batch",
    operationId: "sendMessages",
    tag,
    summary: "Send up to 100 messages",
    description: "Entries of one call keep their order inside each queue. A wrong entry fails alone; the others are sent.",
    body: { kind: "json", schema: batch, documented: documentedBatch, example: batchExample },
    replies: { 200: { description: "One result per entry, in order.", schema: batchResults, example: batchResultsExample } },
    errors: ["FORBIDDEN", "ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    async handle({ parameters, body, identity }) {
      const results = await sendBatch(broker, parameters.topic, body.entries, identity);
      const shown = results.map((result) =>
        BrokerError.is(result) ? { status: "error", error: errorJson(result) } : receiptJson(result, parameters.topic),
      );
      const unfinished = results.some((result) => BrokerError.is(result) && result.retryable);
      return { ...jsonReply(200, { results: shown }), unfinished };
    },
  }),
];
