import { type QueueLag, sumOf } from "../../../core/admin/lag.ts";
import { lagJson, listedLagJson } from "../json/lag-json.ts";
import { listReply, pageEnd, pageStart } from "../list-page.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  groupLag,
  groupLagExample,
  groupLagQuery,
  subscriberListQuery,
  subscriberPage,
  subscriberPageExample,
  unreadablePage,
  unreadablePageExample,
  unreadableQuery,
} from "../schemas/lag.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";
import { subscriptionJson } from "./subscriptions.ts";

const tag = "Lag and offsets";

const queueJson = (queue: QueueLag, nowMs: number) => ({
  queueId: queue.queueId,
  committed: String(queue.committed),
  minOffset: String(queue.minOffset),
  maxOffset: String(queue.maxOffset),
  ...lagJson(queue, nowMs),
});

export const lagRoutes = ({ broker, clock, cursors }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/groups/{group}/lag",
    operationId: "getGroupLag",
    tag,
    summary: "Read how far a group is behind, by topic and queue",
    query: groupLagQuery,
    replies: { 200: { description: "The lag and its sums.", schema: groupLag, example: groupLagExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    async handle({ parameters, query }) {
      const { group } = parameters;
      const scope = `lag\0${group}`;
      const { items, ...page } = await broker.groupLag(group, pageStart(cursors, scope, query.cursor));
      const nowMs = clock.nowMs();
      return jsonReply(200, {
        group,
        ...lagJson(sumOf(items), nowMs),
        topics: items.map((topic) => ({
          topic: topic.topic,
          ...lagJson(topic, nowMs),
          queues: topic.queues.map((queue) => queueJson(queue, nowMs)),
        })),
        ...pageEnd(cursors, scope, page),
      });
    },
  }),
  defineRoute({
    method: "GET",
    path: "/v1/groups/{group}/unreadable",
    operationId: "listUnreadableMessages",
    tag,
    summary: "List messages that could not be read and were put aside",
    query: unreadableQuery,
    replies: { 200: { description: "One page.", schema: unreadablePage, example: unreadablePageExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle: ({ parameters: { group }, query }) =>
      listReply(
        cursors,
        `unreadable\0${group}`,
        query,
        (request) => broker.listUnreadable(group, request),
        ({ topic, queueId, offset, reason, putAsideAtMs }) => ({
          topic,
          queueId,
          offset: String(offset),
          reason,
          putAsideAt: formatInstant(putAsideAtMs),
        }),
      ),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/topics/{topic}/groups",
    operationId: "listTopicGroups",
    tag,
    summary: "List the groups that read a topic, with filter and lag",
    query: subscriberListQuery,
    replies: { 200: { description: "One page.", schema: subscriberPage, example: subscriberPageExample } },
    errors: ["ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    handle: ({ parameters: { topic }, query }) =>
      listReply(
        cursors,
        `topic-groups\0${topic}`,
        query,
        (request) => broker.topicGroups(topic, request),
        (listed) => ({ ...subscriptionJson(listed.item), ...listedLagJson(listed, clock.nowMs()) }),
      ),
  }),
];
