import { z } from "zod";
import { badField } from "../../../core/errors.ts";
import { PULL_BYTES_MAX, PULL_MESSAGES_MAX } from "../../../core/limits.ts";
import type { PullRequest, PullResult } from "../../../core/requests.ts";
import type { Filter } from "../../../core/terms.ts";
import type { AnswerLimits } from "../bounds/answer-limits.ts";
import { pageJson, storedMessageJson, unreadableJson } from "../json/message-json.ts";
import { jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { LAST_EVENT_ID } from "../schemas/headers.ts";
import {
  liveTailExample,
  offsetQuery,
  offsetReply,
  offsetReplyExample,
  type PullQuery,
  pullQuery,
  pullReply,
  pullReplyExample,
} from "../schemas/pull.ts";
import { liveTail, offsetIllegal, wholeTail } from "./live-tail.ts";
import { queueIdOf } from "./queue-id.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const EVENT_STREAM = "text/event-stream";
const EVENT_ID = /^(?:\d{1,16}|-1)$/;
const STREAM_HEADERS = { "Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no" };

/** Where to start: given in exactly one of three ways, or `otherwise`. */
function startOf(query: PullQuery, otherwise: PullRequest["from"] | undefined): PullRequest["from"] {
  const { offset, timestamp, boundary, tail } = query;
  const given: PullRequest["from"][] = [];
  if (offset !== undefined) given.push({ offset });
  if (timestamp !== undefined) given.push({ timestampMs: timestamp, boundary });
  if (tail !== undefined) given.push({ tail });
  if (boundary !== undefined && timestamp === undefined) throw badField("boundary", "Is only for timestamp.");
  const [from = otherwise, second] = given;
  if (from === undefined || second !== undefined) throw badField("offset", "Give exactly one of offset, timestamp and tail.");
  return from;
}

/** An event stream that was cut off continues after the last event that the client saw; -1 comes before the first. */
function resumeOf(lastEventId: string | undefined): PullRequest["from"] | undefined {
  if (lastEventId === undefined || lastEventId === "") return undefined;
  const offset = Number(lastEventId) + 1;
  if (!EVENT_ID.test(lastEventId) || !Number.isSafeInteger(offset)) throw badField("Last-Event-ID", "Must be an offset.");
  return { offset };
}

function filterOf({ filterType: type, expression }: PullQuery): Filter | undefined {
  if (type !== undefined && expression === undefined) throw badField("expression", "Must be given with filterType.");
  return expression === undefined ? undefined : { type: type ?? "TAG", expression };
}

const pageReply = (result: Exclude<PullResult, { status: "OFFSET_ILLEGAL" }>, topic: string, answers: AnswerLimits): Reply =>
  jsonReply(200, {
    status: result.status,
    messages: pageJson(result.messages, answers, (message, bodies) => storedMessageJson(message, topic, bodies)),
    nextOffset: String(result.nextOffset),
    minOffset: String(result.minOffset),
    maxOffset: String(result.maxOffset),
    unreadable: result.unreadable?.map(unreadableJson),
  });

/** A client that names both types gets a page, which every client can read. */
const wantsStream = (accept = ""): boolean => accept.includes(EVENT_STREAM) && !accept.includes("application/json");

const askedOffset = (from: PullRequest["from"]): number | undefined => ("offset" in from ? from.offset : undefined);

export const pullRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  offsetRoute(dependencies),
  pullRoute(dependencies),
];

const offsetRoute = ({ broker }: RouteDependencies): Route =>
  defineRoute({
    method: "GET",
    path: "/v1/topics/{topic}/queues/{queueId}/offset",
    operationId: "offsetAt",
    tag: "Pull",
    summary: "Find the offset of a time in a queue",
    query: offsetQuery,
    replies: { 200: { description: "The offset.", schema: offsetReply, example: offsetReplyExample } },
    errors: ["FORBIDDEN", "ILLEGAL_TOPIC", "NOT_FOUND", "TOPIC_NOT_FOUND"],
    async handle({ parameters, query: { timestamp, boundary } }) {
      const queueId = queueIdOf(parameters.queueId);
      const { offset, minOffset, maxOffset } = await broker.offsetAt(parameters.topic, queueId, {
        timestampMs: timestamp,
        boundary,
      });
      return jsonReply(200, { offset: String(offset), minOffset: String(minOffset), maxOffset: String(maxOffset) });
    },
  });

const pullRoute = ({ broker, longPolls, answers, answerMemory }: RouteDependencies): Route =>
  defineRoute({
    method: "GET",
    path: "/v1/topics/{topic}/queues/{queueId}/messages",
    operationId: "pullMessages",
    tag: "Pull",
    summary: "Read a queue from an offset, a time or its end",
    description:
      "Start at one of `offset`, `timestamp` and `tail`. Pulling settles nothing and needs no group. With `Accept: text/event-stream`, and no JSON in it, the answer is a live tail: one event per " +
      "message with its offset as id, a comment at least every 15 seconds, and `Last-Event-ID` to go on after a break.",
    query: pullQuery,
    headers: LAST_EVENT_ID,
    replies: {
      200: {
        description: "The messages, in order of their offsets.",
        schema: pullReply,
        example: pullReplyExample,
        alternatives: { [EVENT_STREAM]: { schema: z.string(), example: liveTailExample } },
      },
    },
    errors: [
      "FORBIDDEN",
      "ILLEGAL_FILTER_EXPRESSION",
      "ILLEGAL_TOPIC",
      "NOT_FOUND",
      "OFFSET_ILLEGAL",
      "TOO_MANY_REQUESTS",
      "TOPIC_NOT_FOUND",
    ],
    async handle({ parameters, query, header, disconnected }) {
      const { topic } = parameters;
      const queueId = queueIdOf(parameters.queueId);
      const { limit = PULL_MESSAGES_MAX, waitSeconds = 0 } = query;
      const maxBytes = Math.min(query.maxBytes ?? PULL_BYTES_MAX, answers.pageBytesMax);
      const filter = filterOf(query);
      if (wantsStream(header("accept"))) {
        if (query.waitSeconds !== undefined) throw badField("waitSeconds", "An event stream waits by itself.");
        const from = resumeOf(header("last-event-id")) ?? startOf(query, { tail: 0 });
        const first = await broker.pullMessages(topic, queueId, { from, limit, maxBytes, filter, waitMs: 0 });
        if (first.status === "OFFSET_ILLEGAL") throw offsetIllegal(askedOffset(from), first);
        const asked = { topic, queueId, limit, maxBytes, filter, first, disconnected: disconnected() };
        const tail = { broker, longPolls, answers, answerMemory, ...asked };
        return { status: 200, body: answers.streams ? liveTail(tail) : await wholeTail(tail), headers: STREAM_HEADERS };
      }
      const from = startOf(query, undefined);
      const request = { from, limit, maxBytes, filter, waitMs: longPolls.bound(waitSeconds * 1_000) };
      const result =
        request.waitMs === 0
          ? await broker.pullMessages(topic, queueId, request)
          : await longPolls.run(disconnected(), (signal) => broker.pullMessages(topic, queueId, request, signal));
      if (result.status === "OFFSET_ILLEGAL") throw offsetIllegal(askedOffset(from), result);
      return pageReply(result, topic, answers);
    },
  });
