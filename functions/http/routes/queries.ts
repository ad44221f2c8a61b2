import { PULL_BYTES_MAX } from "../../../core/limits.ts";
import type { GroupState } from "../../../core/query/group-states.ts";
import { GROUP_STATES_MAX, QUERY_LIMIT_DEFAULT } from "../../../core/query/query-limits.ts";
import type { Filter } from "../../../core/terms.ts";
import { onceByRequest } from "../idempotency-key.ts";
import { pageJson, storedMessageJson, unreadableJson } from "../json/message-json.ts";
import { pageEnd, pageReply, pageStart } from "../list-page.ts";
import { jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  getMessageQuery,
  type MessageQueryParameters,
  messagePage,
  messagePageExample,
  messageQuery,
  messageWithGroups,
  messageWithGroupsExample,
  redelivery,
  redeliveryExample,
  redeliveryRequest,
  redeliveryRequestExample,
} from "../schemas/queries.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Queries";

function filterOf({ tag: tags, filter }: MessageQueryParameters): Filter | undefined {
  if (tags !== undefined) return { type: "TAG", expression: tags };
  return filter === undefined ? undefined : { type: "SQL92", expression: filter };
}

const instantOrNull = (ms: number | undefined): string | null => (ms === undefined ? null : formatInstant(ms));

const groupStateJson = ({ group, state, attempt, nextAttemptAtMs, leaseExpiresAtMs }: GroupState) => ({
  group,
  state,
  attempt: attempt ?? null,
  nextAttemptAt: instantOrNull(nextAttemptAtMs),
  leaseExpiresAt: instantOrNull(leaseExpiresAtMs),
});

export const queryRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  queryRoute(dependencies),
  getRoute(dependencies),
  redeliverRoute(dependencies),
];

const queryRoute = ({ broker, cursors, answers }: RouteDependencies): Route =>
  defineRoute({
    method: "GET",
    path: "/v1/topics/{topic}/messages",
    operationId: "queryMessages",
    tag,
    summary: "Find messages of a topic by key, time and content, newest first",
    description:
      "All conditions that are given must hold. A request reads a bounded number of messages. If that ends it early, `complete` is false and `nextCursor` goes on.",
    query: messageQuery,
    replies: { 200: { description: "One page, newest first.", schema: messagePage, example: messagePageExample } },
    errors: ["FORBIDDEN", "ILLEGAL_FILTER_EXPRESSION", "ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    handle({ parameters: { topic }, query }) {
      const { key, from, to, limit = QUERY_LIMIT_DEFAULT, cursor } = query;
      const filter = filterOf(query);
      const maxBytes = Math.min(PULL_BYTES_MAX, answers.pageBytesMax);
      const scope = `messages\0${topic}\0${JSON.stringify([key, from, to, filter])}`;
      return pageReply(
        cursors,
        scope,
        { limit, cursor },
        {
          list: ({ limit: most, after }) =>
            broker.queryMessages(topic, { key, fromMs: from, toMs: to, filter, limit: most, maxBytes, after }),
          show: ({ items, unreadable }) => ({
            items: pageJson(items, answers, (message, bodies) => storedMessageJson(message, topic, bodies)),
            unreadable:
              unreadable.length === 0 ? undefined : unreadable.map((one) => ({ queueId: one.queueId, ...unreadableJson(one) })),
          }),
          bytesMax: answers.quotedBytesMax,
        },
      );
    },
  });

const getRoute = ({ broker, cursors, answers }: RouteDependencies): Route =>
  defineRoute({
    method: "GET",
    path: "/v1/messages/{messageId}",
    operationId: "getMessage",
    tag,
    summary: "Read a message by its id, and what each group has done with it",
    query: getMessageQuery,
    replies: {
      200: { description: "The message.", schema: messageWithGroups, example: messageWithGroupsExample },
    },
    errors: ["FORBIDDEN", "ILLEGAL_TOPIC", "MESSAGE_EXPIRED", "MESSAGE_NOT_FOUND", "TOPIC_NOT_FOUND"],
    async handle({ parameters: { messageId }, query }) {
      const { topic, limit = GROUP_STATES_MAX, cursor } = query;
      const scope = `message-groups\0${messageId}`;
      const after = pageStart(cursors, scope, cursor);
      const found = await broker.getMessage(messageId, { topic, limit, after });
      const [shown] = pageJson([found.message], answers, (message, bodies) =>
        storedMessageJson(message, found.topic.name, bodies),
      );
      const { items, ...page } = found.groups;
      return jsonReply(200, { ...shown, groups: items.map(groupStateJson), ...pageEnd(cursors, scope, page) });
    },
  });

const redeliverRoute = ({ broker }: RouteDependencies): Route =>
  defineRoute({
    method: "POST",
    path: "/v1/messages/{messageId}/redeliver",
    operationId: "redeliverMessage",
    tag,
    summary: "Deliver a message once more, to one group",
    description:
      "By a copy with the same id, which only this group receives, with attempt 1. The message itself stays as it is. Each call delivers it once more; repeats with one Idempotency-Key do it once.",
    body: { kind: "json", schema: redeliveryRequest, example: redeliveryRequestExample },
    replies: { 201: { description: "The copy waits for the group.", schema: redelivery, example: redeliveryExample } },
    errors: [
      "CONSUMER_GROUP_NOT_FOUND",
      "FORBIDDEN",
      "ILLEGAL_CONSUMER_GROUP",
      "ILLEGAL_TOPIC",
      "MESSAGE_EXPIRED",
      "MESSAGE_NOT_FOUND",
      "TOO_MANY_REQUESTS",
      "TOPIC_NOT_FOUND",
    ],
    async handle({ parameters: { messageId }, body: { group, topic }, identity }) {
      const once = onceByRequest(identity);
      const { queueId, offset, ...copy } = await broker.redeliverMessage(messageId, { group, topic, once });
      return jsonReply(201, { ...copy, queueId, offset: String(offset) });
    },
  });
