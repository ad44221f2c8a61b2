import type { DeadLetter } from "../../../core/dead-letter/dead-letter.ts";
import { type RedriveJob, remainingOf } from "../../../core/dead-letter/redrive-job.ts";
import { badField } from "../../../core/errors.ts";
import { PULL_BYTES_MAX } from "../../../core/limits.ts";
import { pageJson, storedMessageJson, unreadableJson } from "../json/message-json.ts";
import { pageReply } from "../list-page.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  deadLetter,
  deadLetterDeletion,
  deadLetterDeletionExample,
  deadLetterExample,
  deadLetterListQuery,
  deadLetterPage,
  deadLetterPageExample,
  purgeReply,
  purgeReplyExample,
  purgeRequest,
  purgeRequestExample,
  redriveGoingOnExample,
  redriveJob,
  redriveJobExample,
  redriveReply,
  redriveRequest,
  redriveRequestExample,
} from "../schemas/dead-letters.ts";
import { dryRunQuery } from "../schemas/shared.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Dead letters";
const path = "/v1/groups/{group}/dlq";

const deadLetterJson = (letter: DeadLetter, bodies?: "text" | "base64") => ({
  id: letter.id,
  ...storedMessageJson(letter, letter.originTopic, bodies),
  queueId: letter.originQueueId,
  offset: String(letter.originOffset),
  attempts: letter.attempts,
  reason: letter.reason,
  deadAt: formatInstant(letter.deadAtMs),
  dlqOffset: String(letter.offset),
});

const jobReply = (status: number, job: RedriveJob): Reply =>
  jsonReply(status, {
    jobId: job.jobId,
    state: job.state,
    moved: job.moved,
    unreadable: job.unreadable,
    remaining: remainingOf(job),
    failure: job.failure,
  });

export const deadLetterRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  ...readRoutes(dependencies),
  ...deleteRoutes(dependencies),
  ...redriveRoutes(dependencies),
];

const readRoutes = ({ broker, cursors, answers }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path,
    operationId: "listDeadLetters",
    tag,
    summary: "List a group's dead letters in the order they died",
    query: deadLetterListQuery,
    replies: { 200: { description: "One page.", schema: deadLetterPage, example: deadLetterPageExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle({ parameters, query }) {
      const maxBytes = Math.min(PULL_BYTES_MAX, answers.pageBytesMax);
      return pageReply(cursors, `dlq\0${parameters.group}`, query, {
        list: (request) => broker.listDeadLetters(parameters.group, { ...request, maxBytes }),
        show: ({ items, unreadable }) => ({
          items: pageJson(items, answers, deadLetterJson),
          unreadable: unreadable.length === 0 ? undefined : unreadable.map(unreadableJson),
        }),
        bytesMax: answers.quotedBytesMax,
      });
    },
  }),
  defineRoute({
    method: "GET",
    path: `${path}/{deadLetterId}`,
    operationId: "getDeadLetter",
    tag,
    summary: "Read a dead letter",
    replies: { 200: { description: "The dead letter.", schema: deadLetter, example: deadLetterExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "MESSAGE_NOT_FOUND"],
    async handle({ parameters }) {
      const [shown] = pageJson([await broker.getDeadLetter(parameters.group, parameters.deadLetterId)], answers, deadLetterJson);
      return jsonReply(200, shown);
    },
  }),
];

const deleteRoutes = ({ broker, answers }: RouteDependencies): Route[] => [
  defineRoute({
    method: "DELETE",
    path: `${path}/{deadLetterId}`,
    operationId: "deleteDeadLetter",
    tag,
    summary: "Delete a dead letter",
    query: dryRunQuery,
    replies: {
      200: { description: "What would go, for dryRun.", schema: deadLetterDeletion, example: deadLetterDeletionExample },
      204: { description: "Deleted." },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "MESSAGE_NOT_FOUND"],
    async handle({ parameters, query }) {
      const dryRun = query.dryRun ?? false;
      const letter = await broker.deleteDeadLetter(parameters.group, parameters.deadLetterId, { dryRun });
      if (!dryRun) return emptyReply(204);
      const [shown] = pageJson([letter], answers, deadLetterJson);
      return jsonReply(200, { dryRun, deadLetter: shown });
    },
  }),
  defineRoute({
    method: "POST",
    path: `${path}/purge`,
    operationId: "purgeDeadLetters",
    tag,
    summary: "Delete all dead letters of a group",
    body: { kind: "json", schema: purgeRequest, example: purgeRequestExample },
    replies: { 200: { description: "They are gone.", schema: purgeReply, example: purgeReplyExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    async handle({ parameters, body }) {
      if (body.confirm !== parameters.group) {
        const detail = `Must be the group's name, "${parameters.group}".`;
        throw badField("/confirm", detail);
      }
      return jsonReply(200, { purged: await broker.purgeDeadLetters(parameters.group) });
    },
  }),
];

const redriveRoutes = ({ broker }: RouteDependencies): Route[] => [
  defineRoute({
    method: "POST",
    path: `${path}/redrive`,
    operationId: "redriveDeadLetters",
    tag,
    summary: "Deliver dead letters again",
    description:
      "To this group alone, with attempt 1 again, or to the topic that `target` names. Each is moved once, in one step with its " +
      "end as a dead letter. What cannot be moved within two seconds goes on as a job.",
    body: { kind: "json", schema: redriveRequest, optional: true, example: redriveRequestExample },
    replies: {
      200: {
        description: "It is over; or how many it would move, for dryRun.",
        schema: redriveReply,
        example: redriveJobExample,
      },
      202: { description: "It goes on as a job.", schema: redriveJob, example: redriveGoingOnExample },
    },
    errors: [
      "ILLEGAL_CONSUMER_GROUP",
      "CONSUMER_GROUP_NOT_FOUND",
      "ILLEGAL_FILTER_EXPRESSION",
      "ILLEGAL_TOPIC",
      "TOPIC_NOT_FOUND",
      "FORBIDDEN",
      "TOO_MANY_REQUESTS",
    ],
    async handle({ parameters, body: { dryRun = false, ...request } }) {
      if (dryRun) return jsonReply(200, { dryRun, ...(await broker.countRedrive(parameters.group, request)) });
      const job = await broker.redriveDeadLetters(parameters.group, request);
      return jobReply(job.state === "RUNNING" ? 202 : 200, job);
    },
  }),
  defineRoute({
    method: "GET",
    path: `${path}/redrive/{jobId}`,
    operationId: "redriveProgress",
    tag,
    summary: "Show how far a redrive is",
    replies: { 200: { description: "The job.", schema: redriveJob, example: redriveJobExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "NOT_FOUND"],
    handle: async ({ parameters }) => jobReply(200, await broker.redriveProgress(parameters.group, parameters.jobId)),
  }),
  defineRoute({
    method: "POST",
    path: `${path}/redrive/{jobId}`,
    operationId: "resumeRedrive",
    tag,
    summary: "Go on with a redrive now",
    description: "A redrive goes on by itself, on functions once a minute. This moves what it can within two seconds.",
    replies: {
      200: { description: "It is over.", schema: redriveJob, example: redriveJobExample },
      202: { description: "It goes on.", schema: redriveJob, example: { ...redriveJobExample, state: "RUNNING" } },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "NOT_FOUND"],
    async handle({ parameters }) {
      const job = await broker.resumeRedrive(parameters.group, parameters.jobId);
      return jobReply(job.state === "RUNNING" ? 202 : 200, job);
    },
  }),
];
