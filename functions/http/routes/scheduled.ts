import { pageReply } from "../list-page.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  parkedPage,
  parkedPageExample,
  reschedule,
  rescheduled,
  rescheduledExample,
  rescheduleExample,
  scheduledPage,
  scheduledPageExample,
  scheduledQuery,
} from "../schemas/scheduled.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Delayed messages";
const path = "/v1/topics/{topic}/scheduled";
const parkedPath = "/v1/scheduled/parked";

export const scheduledRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  ...topicRoutes(dependencies),
  ...parkedRoutes(dependencies),
];

const topicRoutes = ({ broker, cursors }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path,
    operationId: "listScheduled",
    tag,
    summary: "List a topic's delayed messages by due time",
    description: "Looks through the delayed messages of all topics, 2,000 of them at most: then `complete` is false.",
    query: scheduledQuery,
    replies: { 200: { description: "One page.", schema: scheduledPage, example: scheduledPageExample } },
    errors: ["ILLEGAL_TOPIC", "TOPIC_NOT_FOUND"],
    handle({ parameters: { topic }, query }) {
      return pageReply(cursors, `scheduled\0${topic}`, query, {
        list: (request) => broker.listScheduled(topic, request),
        show: ({ items }) => ({
          items: items.map(({ messageId, deliverAtMs, scheduledAtMs, recallHandle }) => ({
            messageId,
            topic,
            deliverAt: formatInstant(deliverAtMs),
            scheduledAt: formatInstant(scheduledAtMs),
            recallHandle,
          })),
        }),
      });
    },
  }),
  defineRoute({
    method: "PATCH",
    path: `${path}/{recallHandle}`,
    operationId: "rescheduleMessage",
    tag,
    summary: "Deliver a delayed message at another time",
    body: { kind: "json", schema: reschedule, mergePatch: true, example: rescheduleExample },
    replies: { 200: { description: "It is due then.", schema: rescheduled, example: rescheduledExample } },
    errors: [
      "ALREADY_DELIVERED",
      "ILLEGAL_DELIVERY_TIME",
      "ILLEGAL_TOPIC",
      "MESSAGE_NOT_FOUND",
      "TOO_MANY_REQUESTS",
      "TOPIC_NOT_FOUND",
    ],
    async handle({ parameters, body }) {
      const moved = await broker.rescheduleMessage(parameters.topic, parameters.recallHandle, body.deliverAt);
      return jsonReply(200, { recallHandle: moved.recallHandle, deliverAt: formatInstant(moved.deliverAtMs) });
    },
  }),
  defineRoute({
    method: "DELETE",
    path: `${path}/{recallHandle}`,
    operationId: "cancelMessage",
    tag,
    summary: "Cancel a delayed message",
    description: "Wins or loses against its delivery, and says which, also when it is asked again.",
    replies: { 204: { description: "It will not be delivered." } },
    errors: ["ALREADY_DELIVERED", "ILLEGAL_TOPIC", "MESSAGE_NOT_FOUND", "TOPIC_NOT_FOUND"],
    async handle({ parameters }) {
      await broker.cancelMessage(parameters.topic, parameters.recallHandle);
      return emptyReply(204);
    },
  }),
];

const parkedRoutes = ({ broker, cursors }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path: parkedPath,
    operationId: "listParked",
    tag,
    summary: "List delayed messages that could not be delivered when they were due",
    description: "Such as those of a topic that was deleted. Each is kept 30 days.",
    query: scheduledQuery,
    replies: { 200: { description: "One page.", schema: parkedPage, example: parkedPageExample } },
    errors: [],
    handle({ query }) {
      return pageReply(cursors, "parked", query, {
        list: (request) => broker.listParked(request),
        show: ({ items }) => ({
          items: items.map(({ id, messageId, topic, deliverAtMs, parkedAtMs, reason }) => ({
            id,
            messageId,
            topic,
            deliverAt: formatInstant(deliverAtMs),
            parkedAt: formatInstant(parkedAtMs),
            reason,
          })),
        }),
      });
    },
  }),
  defineRoute({
    method: "DELETE",
    path: `${parkedPath}/{parkedId}`,
    operationId: "deleteParked",
    tag,
    summary: "Delete a parked message",
    replies: { 204: { description: "It is gone." } },
    errors: ["MESSAGE_NOT_FOUND"],
    async handle({ parameters }) {
      await broker.deleteParked(parameters.parkedId);
      return emptyReply(204);
    },
  }),
];
