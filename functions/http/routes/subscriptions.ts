import type { StartFrom, Subscription } from "../../../core/terms.ts";
import { etagOf, writeConditions } from "../etag.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { IF_MATCH } from "../schemas/headers.ts";
import { dryRunQuery } from "../schemas/shared.ts";
import {
  subscription,
  subscriptionDeletion,
  subscriptionDeletionExample,
  subscriptionExample,
  subscriptionSettings,
  subscriptionSettingsExample,
} from "../schemas/subscriptions.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Groups and subscriptions";
const path = "/v1/groups/{group}/subscriptions/{topic}";
const ETAG = { ETag: "Version of the subscription, for If-Match." };

export const subscriptionJson = (value: Subscription) => ({
  group: value.group,
  topic: value.topic,
  filter: value.filter,
  version: value.version,
  createdAt: formatInstant(value.createdAtMs),
  updatedAt: formatInstant(value.updatedAtMs),
});

const subscriptionReply = (status: number, value: Subscription): Reply =>
  jsonReply(status, subscriptionJson(value), { ETag: etagOf(value) });

const startFromOf = (value: "latest" | "earliest" | { timestamp: number } | undefined): StartFrom | undefined =>
  typeof value === "object" ? { timestampMs: value.timestamp } : value;

export const subscriptionRoutes = ({ broker }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path,
    operationId: "getSubscription",
    tag,
    summary: "Read a subscription",
    replies: { 200: { description: "The subscription.", schema: subscription, headers: ETAG, example: subscriptionExample } },
    errors: ["ILLEGAL_TOPIC", "ILLEGAL_CONSUMER_GROUP", "TOPIC_NOT_FOUND", "CONSUMER_GROUP_NOT_FOUND", "NOT_FOUND"],
    handle: async ({ parameters }) => subscriptionReply(200, await broker.getSubscription(parameters.group, parameters.topic)),
  }),
  defineRoute({
    method: "PUT",
    path,
    operationId: "putSubscription",
    tag,
    summary: "Subscribe a group to a topic, or change its filter",
    description: "A new subscription starts at offsets found at this call, so nothing sent after it is missed.",
    headers: IF_MATCH,
    body: { kind: "json", schema: subscriptionSettings, optional: true, example: subscriptionSettingsExample },
    replies: {
      200: { description: "It existed and is as asked now.", schema: subscription, headers: ETAG, example: subscriptionExample },
      201: { description: "Created.", schema: subscription, headers: ETAG, example: subscriptionExample },
    },
    errors: [
      "ILLEGAL_TOPIC",
      "ILLEGAL_CONSUMER_GROUP",
      "ILLEGAL_FILTER_EXPRESSION",
      "TOPIC_NOT_FOUND",
      "CONSUMER_GROUP_NOT_FOUND",
      "PRECONDITION_FAILED",
      "QUOTA_EXCEEDED",
    ],
    async handle({ parameters, body, header }) {
      const settings = { filter: body.filter, startFrom: startFromOf(body.startFrom) };
      const { subscription: stored, created } = await broker.putSubscription(
        parameters.group,
        parameters.topic,
        settings,
        writeConditions(header),
      );
      return subscriptionReply(created ? 201 : 200, stored);
    },
  }),
  defineRoute({
    method: "DELETE",
    path,
    operationId: "deleteSubscription",
    tag,
    summary: "Unsubscribe a group from a topic",
    query: dryRunQuery,
    headers: IF_MATCH,
    replies: {
      200: { description: "What would go, for dryRun.", schema: subscriptionDeletion, example: subscriptionDeletionExample },
      204: { description: "Deleted." },
    },
    errors: [
      "ILLEGAL_TOPIC",
      "ILLEGAL_CONSUMER_GROUP",
      "TOPIC_NOT_FOUND",
      "CONSUMER_GROUP_NOT_FOUND",
      "NOT_FOUND",
      "PRECONDITION_FAILED",
    ],
    async handle({ parameters, query, header }) {
      const dryRun = query.dryRun ?? false;
      const options = { dryRun, ifMatch: writeConditions(header) };
      const deletion = await broker.deleteSubscription(parameters.group, parameters.topic, options);
      if (!dryRun) return emptyReply(204);
      const { waiting, inFlight } = deletion;
      return jsonReply(200, { dryRun, subscription: subscriptionJson(deletion.subscription), waiting, inFlight });
    },
  }),
];
