import type { QueueRoute } from "../../../core/requests.ts";
import type { Topic } from "../../../core/terms.ts";
import { etagOf, writeConditions } from "../etag.ts";
import { listedLagJson } from "../json/lag-json.ts";
import { listReply } from "../list-page.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { IF_MATCH } from "../schemas/headers.ts";
import { dryRunQuery } from "../schemas/shared.ts";
import {
  queueList,
  queueListExample,
  topic,
  topicDeletion,
  topicDeletionExample,
  topicExample,
  topicListQuery,
  topicPage,
  topicPageExample,
  topicPatch,
  topicPatchExample,
  topicSettings,
  topicSettingsExample,
} from "../schemas/topics.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Topics";
const path = "/v1/topics/{topic}";
const ETAG = { ETag: "Version of the topic, for If-Match." };

const topicJson = (value: Topic) => ({
  name: value.name,
  type: value.type,
  ...(value.writeQueues === value.readQueues ? { queues: value.readQueues } : {}),
  writeQueues: value.writeQueues,
  readQueues: value.readQueues,
  retentionHours: value.retentionHours,
  flushMode: value.flushMode,
  perm: value.perm,
  rooms: value.rooms,
  createdAt: formatInstant(value.createdAtMs),
  updatedAt: formatInstant(value.updatedAtMs),
});

const topicReply = (status: number, value: Topic): Reply => jsonReply(status, topicJson(value), { ETag: etagOf(value) });

const queueJson = ({ queueId, readable, writable, minOffset, maxOffset, lastStoredAtMs, tailBytes }: QueueRoute) => ({
  queueId,
  readable,
  writable,
  minOffset: String(minOffset),
  maxOffset: String(maxOffset),
  lastStoredAt: lastStoredAtMs === undefined ? null : formatInstant(lastStoredAtMs),
  tailBytes,
});

export const topicRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  ...readRoutes(dependencies),
  ...writeRoutes(dependencies),
];

const readRoutes = ({ broker, clock, cursors }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/topics",
    operationId: "listTopics",
    tag,
    summary: "List topics by name",
    query: topicListQuery,
    replies: { 200: { description: "One page.", schema: topicPage, example: topicPageExample } },
    errors: [],
    handle({ query }) {
      const { type, withLag } = query;
      const scope = `topics\0${type ?? ""}`;
      if (!withLag) return listReply(cursors, scope, query, (request) => broker.listTopics({ ...request, type }), topicJson);
      return listReply(
        cursors,
        scope,
        query,
        (request) => broker.listTopicsWithLag({ ...request, type }),
        (listed) => ({ ...topicJson(listed.item), ...listedLagJson(listed, clock.nowMs()) }),
      );
    },
  }),
  defineRoute({
    method: "GET",
    path,
    operationId: "getTopic",
    tag,
    summary: "Read a topic",
    replies: { 200: { description: "The topic.", schema: topic, headers: ETAG, example: topicExample } },
    errors: ["ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    handle: async ({ parameters }) => topicReply(200, await broker.getTopic(parameters.topic)),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/topics/{topic}/queues",
    operationId: "listQueues",
    tag,
    summary: "Read the queues of a topic and their offsets",
    replies: { 200: { description: "Every queue that can be read or written.", schema: queueList, example: queueListExample } },
    errors: ["ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    handle: async ({ parameters }) => jsonReply(200, { items: (await broker.topicQueues(parameters.topic)).map(queueJson) }),
  }),
];

const writeRoutes = ({ broker }: RouteDependencies): Route[] => [
  defineRoute({
    method: "PUT",
    path,
    operationId: "putTopic",
    tag,
    summary: "Create a topic, or change the settings that are named",
    headers: IF_MATCH,
    body: { kind: "json", schema: topicSettings, optional: true, example: topicSettingsExample },
    replies: {
      200: { description: "It existed and is as asked now.", schema: topic, headers: ETAG, example: topicExample },
      201: { description: "Created.", schema: topic, headers: ETAG, example: topicExample },
    },
    errors: ["ILLEGAL_TOPIC", "PRECONDITION_FAILED", "QUOTA_EXCEEDED"],
    async handle({ parameters, body, header }) {
      const { topic: stored, created } = await broker.putTopic(parameters.topic, body, writeConditions(header));
      return topicReply(created ? 201 : 200, stored);
    },
  }),
  defineRoute({
    method: "PATCH",
    path,
    operationId: "patchTopic",
    tag,
    summary: "Change some settings of a topic",
    headers: IF_MATCH,
    body: { kind: "json", schema: topicPatch, mergePatch: true, example: topicPatchExample },
    replies: { 200: { description: "The topic as it is now.", schema: topic, headers: ETAG, example: topicExample } },
    errors: ["FORBIDDEN", "ILLEGAL_TOPIC", "TOPIC_NOT_FOUND", "PRECONDITION_FAILED", "QUOTA_EXCEEDED"],
    handle: async ({ parameters, body, header }) =>
      topicReply(200, await broker.patchTopic(parameters.topic, body, writeConditions(header))),
  }),
  defineRoute({
    method: "DELETE",
    path,
    operationId: "deleteTopic",
    tag,
    summary: "Delete a topic and its messages",
    query: dryRunQuery,
    headers: IF_MATCH,
    replies: {
      200: { description: "What would go, for dryRun.", schema: topicDeletion, example: topicDeletionExample },
      204: { description: "Deleted." },
    },
    errors: ["FORBIDDEN", "ILLEGAL_TOPIC", "TOPIC_NOT_FOUND", "PRECONDITION_FAILED"],
    async handle({ parameters, query, header }) {
      const dryRun = query.dryRun ?? false;
      const deletion = await broker.deleteTopic(parameters.topic, { dryRun, ifMatch: writeConditions(header) });
      if (!dryRun) return emptyReply(204);
      return jsonReply(200, { dryRun, topic: topicJson(deletion.topic), messages: deletion.messages, groups: deletion.groups });
    },
  }),
];
