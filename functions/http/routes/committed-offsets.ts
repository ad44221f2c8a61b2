import type { QueueOffset } from "../../../core/requests.ts";
import { pageEnd, pageStart } from "../list-page.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  committedOffset,
  committedOffsetExample,
  committedOffsetPage,
  committedOffsetPageExample,
  committedOffsetQuery,
  committedOffsetsQuery,
  offsetCommit,
  offsetCommitExample,
  offsetCommitReply,
  offsetCommitReplyExample,
} from "../schemas/offsets.ts";
import { queueIdOf } from "./queue-id.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Lag and offsets";
const path = "/v1/groups/{group}/offsets/{topic}/{queueId}";

const offsetJson = ({ topic, queueId, offset, minOffset, maxOffset, lag }: QueueOffset) => ({
  topic,
  queueId,
  offset: offset === undefined ? null : String(offset),
  minOffset: String(minOffset),
  maxOffset: String(maxOffset),
  lag: lag ?? null,
});

export const committedOffsetRoutes = ({ broker, cursors }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/groups/{group}/offsets",
    operationId: "listOffsets",
    tag,
    summary: "List where a group, or a client that reads for itself, stands on its queues",
    query: committedOffsetsQuery,
    replies: { 200: { description: "One page.", schema: committedOffsetPage, example: committedOffsetPageExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "ILLEGAL_TOPIC", "TOPIC_NOT_FOUND", "NOT_FOUND"],
    async handle({ parameters: { group }, query: { topic, clientId, cursor } }) {
      const scope = `offsets\0${group}\0${topic ?? ""}\0${clientId ?? ""}`;
      const after = pageStart(cursors, scope, cursor);
      const { items, ...page } = await broker.groupOffsets(group, { topic, clientId, after });
      return jsonReply(200, { items: items.map(offsetJson), ...pageEnd(cursors, scope, page) });
    },
  }),
  defineRoute({
    method: "GET",
    path,
    operationId: "getOffset",
    tag,
    summary: "Read where a group, or a client that reads for itself, stands on a queue",
    query: committedOffsetQuery,
    replies: { 200: { description: "The offset.", schema: committedOffset, example: committedOffsetExample } },
    errors: [
      "ILLEGAL_CONSUMER_GROUP",
      "CONSUMER_GROUP_NOT_FOUND",
      "ILLEGAL_TOPIC",
      "TOPIC_NOT_FOUND",
      "NOT_FOUND",
      "OFFSET_NOT_FOUND",
    ],
    async handle({ parameters: { group, topic, queueId }, query: { clientId } }) {
      return jsonReply(200, offsetJson(await broker.committedOffset(group, topic, queueIdOf(queueId), clientId)));
    },
  }),
  defineRoute({
    method: "PUT",
    path,
    operationId: "commitOffset",
    tag,
    summary: "Commit how far a consumer that pulls has come on a queue",
    body: { kind: "json", schema: offsetCommit, example: offsetCommitExample },
    replies: { 200: { description: "It is committed.", schema: offsetCommitReply, example: offsetCommitReplyExample } },
    errors: [
      "CONSUMER_GROUP_NOT_FOUND",
      "ILLEGAL_CONSUMER_GROUP",
      "ILLEGAL_TOPIC",
      "NOT_FOUND",
      "OFFSET_ILLEGAL",
      "PRECONDITION_FAILED",
      "QUOTA_EXCEEDED",
      "STALE_GENERATION",
      "TOO_MANY_REQUESTS",
      "TOPIC_NOT_FOUND",
    ],
    async handle({ parameters: { group, topic, queueId }, body }) {
      return jsonReply(200, { offset: String(await broker.commitOffset(group, topic, queueIdOf(queueId), body)) });
    },
  }),
];
