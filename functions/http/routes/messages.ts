import type { Broker } from "../../../core/broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { SEND_BYTES_MAX } from "../../../core/limits.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import type { RouteDependencies } from "../app.ts";
import { decodeMessage } from "../message-json.ts";
import { errorJson } from "../problem.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { batch, batchResults, documentedBatch, message, sendReceipt, UNBUILT_SEND_FIELDS } from "../schemas/messages.ts";
import { validate } from "../validation.ts";

const tag = "Send";

/** What every send may answer. */
export const SEND_ERRORS = [
  "FORBIDDEN",
  "ILLEGAL_MESSAGE_PROPERTY_KEY",
  "ILLEGAL_TOPIC",
  "MESSAGE_BODY_EMPTY",
  "MESSAGE_BODY_TOO_LARGE",
  "MESSAGE_PROPERTIES_TOO_LARGE",
  "MESSAGE_PROPERTY_CONFLICT_WITH_TYPE",
  "REQUEST_TIMEOUT",
  "TOPIC_NOT_FOUND",
  "UNSUPPORTED_MEDIA_TYPE",
] as const;

export const receiptJson = (receipt: SendReceipt, topic: string) => ({
  messageId: receipt.messageId,
  topic,
  queueId: receipt.queueId,
  offset: String(receipt.offset),
  status: "SEND_OK",
  duplicate: false,
});

/** Sends one message. Errors: what the broker says about it. */
export async function sendOne(broker: Broker, topic: string, input: MessageInput): Promise<SendReceipt> {
  const [result] = await broker.sendMessages(topic, [input]);
  if (result === undefined || BrokerError.is(result)) throw result ?? new Error("a send of one message had no result");
  return result;
}

/** An entry of a batch, or what is wrong with it: one wrong entry does not stop the others. */
function decodeEntry(entry: unknown): MessageInput | BrokerError {
  try {
    return decodeMessage(validate(message, entry, "body", UNBUILT_SEND_FIELDS));
  } catch (error) {
    if (BrokerError.is(error)) return error;
    throw error;
  }
}

/** One result per entry, in order: the broker's for those that could be read. */
async function sendBatch(broker: Broker, topic: string, entries: readonly unknown[]): Promise<(SendReceipt | BrokerError)[]> {
  const decoded = entries.map(decodeEntry);
  const inputs = decoded.filter((entry): entry is MessageInput => !BrokerError.is(entry));
  if (inputs.reduce((bytes, { body }) => bytes + body.length, 0) > SEND_BYTES_MAX) {
    throw new BrokerError(
      "MESSAGE_BODY_TOO_LARGE",
      `The bodies of one batch may have ${SEND_BYTES_MAX} bytes in all; send fewer.`,
    );
  }
  // An unknown topic is the answer whatever the entries are.
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
    body: { kind: "json", schema: message },
    unbuilt: UNBUILT_SEND_FIELDS,
    replies: { 201: { description: "Stored.", schema: sendReceipt } },
    errors: SEND_ERRORS,
    handle: async ({ parameters, body }) =>
      jsonReply(201, receiptJson(await sendOne(broker, parameters.topic, decodeMessage(body)), parameters.topic)),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/topics/{topic}/messages/batch",
    operationId: "sendMessages",
    tag,
    summary: "Send up to 100 messages",
    description: "Entries of one call keep their order inside each queue. A wrong entry fails alone; the others are sent.",
    body: { kind: "json", schema: batch, documented: documentedBatch },
    replies: { 200: { description: "One result per entry, in order.", schema: batchResults } },
    errors: ["ILLEGAL_TOPIC", "MESSAGE_BODY_TOO_LARGE", "TOPIC_NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE"],
    async handle({ parameters, body }) {
      const results = await sendBatch(broker, parameters.topic, body.entries);
      return jsonReply(200, {
        results: results.map((result) =>
          BrokerError.is(result) ? { status: "error", error: errorJson(result) } : receiptJson(result, parameters.topic),
        ),
      });
    },
  }),
];
