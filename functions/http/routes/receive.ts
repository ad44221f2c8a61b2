import type { z } from "zod";
import { RECEIVE_BYTES_MAX } from "../../../core/limits.ts";
import type { SettleEntry, SettleResult } from "../../../core/requests.ts";
import { pageJson, receivedMessageJson } from "../json/message-json.ts";
import { errorJson } from "../problem.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  ackReplyExample,
  ackRequest,
  ackRequestExample,
  receiveReply,
  receiveReplyExample,
  receiveRequest,
  receiveRequestExample,
  settleReply,
  settleReplyExample,
  settleRequest,
  settleRequestExample,
} from "../schemas/receive.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Receive and settle";
const RECEIVE_MAX_DEFAULT = 1;

const toMs = (seconds: number | undefined): number | undefined => (seconds === undefined ? undefined : seconds * 1_000);

function settleEntries(request: z.output<typeof settleRequest>): SettleEntry[] {
  const { acks = [], nacks = [], extends: extensions = [], deadLetters = [] } = request;
  return [
    ...acks.map(({ receiptHandle }): SettleEntry => ({ action: "ack", receiptHandle })),
    ...nacks.map(({ receiptHandle, delaySeconds, countAttempt, reason }): SettleEntry => {
      return { action: "nack", receiptHandle, delayMs: toMs(delaySeconds), countAttempt, reason };
    }),
    ...extensions.map(({ receiptHandle, leaseSeconds, mayShorten, countAttempt }): SettleEntry => {
      return { action: "extend", receiptHandle, leaseMs: leaseSeconds * 1_000, mayShorten, countAttempt };
    }),
    ...deadLetters.map(({ receiptHandle, reason }): SettleEntry => ({ action: "deadLetter", receiptHandle, reason })),
  ];
}

function settledReply(results: readonly SettleResult[]): Reply {
  const unfinished = results.some((result) => result.status === "error" && result.error.retryable);
  return { ...jsonReply(200, { results: results.map(resultJson) }), unfinished };
}

function resultJson(result: SettleResult) {
  switch (result.status) {
    case "extended":
      return { receiptHandle: result.newReceiptHandle, status: "extended", leaseUntil: formatInstant(result.leaseUntilMs) };
    case "error":
      return { receiptHandle: result.receiptHandle, status: "error", error: errorJson(result.error) };
    default:
      return { receiptHandle: result.receiptHandle, status: result.status };
  }
}

export const receiveRoutes = ({ broker, longPolls, answers }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/receive",
    operationId: "receiveMessages",
    tag,
    summary: "Receive messages under a lease",
    description: "A message that is not settled before its lease ends is delivered again. Nothing to receive is an empty list.",
    body: { kind: "json", schema: receiveRequest, optional: true, example: receiveRequestExample },
    replies: {
      200: { description: "The messages; none when there is nothing.", schema: receiveReply, example: receiveReplyExample },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "FORBIDDEN", "NOT_FOUND", "TOO_MANY_REQUESTS"],
    async handle({ parameters, body, identity, disconnected }) {
      const { group } = parameters;
      const { topics, max = RECEIVE_MAX_DEFAULT, waitSeconds = 0, leaseSeconds, attemptId } = body;
      const maxBytes = Math.min(RECEIVE_BYTES_MAX, answers.pageBytesMax);
      const request = {
        topics,
        max,
        maxBytes,
        waitMs: longPolls.bound(waitSeconds * 1_000),
        leaseMs: toMs(leaseSeconds),
        attemptId: attemptId ?? identity?.id,
      };
      let cutShort = false;
      const messages =
        request.waitMs === 0
          ? await broker.receiveMessages(group, request)
          : await longPolls.run(disconnected(), async (signal) => {
              const received = await broker.receiveMessages(group, request, signal);
              cutShort = signal.aborted;
              return received;
            });
      const reply = jsonReply(200, { messages: pageJson(messages, answers, receivedMessageJson) });
      return { ...reply, unfinished: cutShort };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/settle",
    operationId: "settleMessages",
    tag,
    summary: "Acknowledge, give back, extend or dead-letter received messages",
    body: { kind: "json", schema: settleRequest, example: settleRequestExample },
    replies: { 200: { description: "One result per entry.", schema: settleReply, example: settleReplyExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle: async ({ parameters, body }) => settledReply(await broker.settleMessages(parameters.group, settleEntries(body))),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/ack",
    operationId: "ackMessages",
    tag,
    summary: "Acknowledge received messages",
    body: { kind: "json", schema: ackRequest, example: ackRequestExample },
    replies: { 200: { description: "One result per handle.", schema: settleReply, example: ackReplyExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    async handle({ parameters, body }) {
      const entries = body.receiptHandles.map((receiptHandle): SettleEntry => ({ action: "ack", receiptHandle }));
      return settledReply(await broker.settleMessages(parameters.group, entries));
    },
  }),
];
