import type { z } from "zod";
import { compareNames } from "../../../core/assignment/message-queue.ts";
import type { GroupSettings, Nullable } from "../../../core/requests.ts";
import type { AssignedQueue, Assignment, ConsumerGroup } from "../../../core/terms.ts";
import { etagOf, writeConditions } from "../etag.ts";
import { listedLagJson } from "../json/lag-json.ts";
import { listReply } from "../list-page.ts";
import { emptyReply, jsonReply, type Reply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  group,
  groupDeletion,
  groupDeletionExample,
  groupExample,
  groupListQuery,
  groupPage,
  groupPageExample,
  groupPatch,
  groupPatchExample,
  groupSettings,
  groupSettingsExample,
  groupWithSubscriptions,
  groupWithSubscriptionsExample,
} from "../schemas/groups.ts";
import { IF_MATCH } from "../schemas/headers.ts";
import { dryRunQuery } from "../schemas/shared.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";
import { subscriptionJson } from "./subscriptions.ts";

const tag = "Groups and subscriptions";
const path = "/v1/groups/{group}";
const ETAG = { ETag: "Version of the group, for If-Match." };

type ConfigJson = { readonly strategy: "CONFIG"; readonly queues: Readonly<Record<string, readonly AssignedQueue[]>> };
type AssignmentJson = Exclude<Assignment, { readonly strategy: "CONFIG" }> | ConfigJson;

/** By queue, so that the order in which the clients are given does not matter. */
function parseAssignment(value: AssignmentJson): Assignment {
  if (typeof value === "string" || value.strategy !== "CONFIG") return value;
  const queues = Object.entries(value.queues).flatMap(([clientId, some]) => some.map((queue) => ({ clientId, ...queue })));
  return { strategy: "CONFIG", queues: queues.sort((a, b) => compareNames(a.topic, b.topic) || a.queueId - b.queueId) };
}

function assignmentJson(assignment: Assignment): AssignmentJson {
  if (typeof assignment === "string" || assignment.strategy !== "CONFIG") return assignment;
  const byClient = new Map<string, AssignedQueue[]>();
  for (const { clientId, ...queue } of assignment.queues) byClient.set(clientId, [...(byClient.get(clientId) ?? []), queue]);
  return { strategy: "CONFIG", queues: Object.fromEntries(byClient) };
}

const groupJson = (value: ConsumerGroup) => ({
  name: value.name,
  ordered: value.ordered,
  maxAttempts: value.maxAttempts,
  backoff: value.backoff,
  leaseSeconds: value.leaseSeconds,
  paused: value.paused,
  assignment: assignmentJson(value.assignment),
  createdAt: formatInstant(value.createdAtMs),
  updatedAt: formatInstant(value.updatedAtMs),
});

const groupReply = (status: number, value: ConsumerGroup): Reply => jsonReply(status, groupJson(value), { ETag: etagOf(value) });

const settingsOf = ({ assignment, ...settings }: z.output<typeof groupSettings>): GroupSettings => ({
  ...settings,
  assignment: assignment && parseAssignment(assignment),
});

const patchOf = ({ assignment, ...patch }: z.output<typeof groupPatch>): Nullable<GroupSettings> => ({
  ...patch,
  assignment: assignment && parseAssignment(assignment),
});

export const groupRoutes = (dependencies: RouteDependencies): readonly Route[] => [
  ...readRoutes(dependencies),
  ...writeRoutes(dependencies),
  ...pauseRoutes(dependencies),
];

const readRoutes = ({ broker, clock, cursors }: RouteDependencies): Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/groups",
    operationId: "listGroups",
    tag,
    summary: "List consumer groups by name",
    query: groupListQuery,
    replies: { 200: { description: "One page.", schema: groupPage, example: groupPageExample } },
    errors: [],
    handle: ({ query }) =>
      query.withLag
        ? listReply(
            cursors,
            "groups",
            query,
            (request) => broker.listGroupsWithLag(request),
            (listed) => ({
              ...groupJson(listed.item),
              ...listedLagJson(listed, clock.nowMs()),
              consumersOnline: listed.consumersOnline,
            }),
          )
        : listReply(cursors, "groups", query, (request) => broker.listGroups(request), groupJson),
  }),
  defineRoute({
    method: "GET",
    path,
    operationId: "getGroup",
    tag,
    summary: "Read a consumer group, its subscriptions and how many clients it has",
    replies: {
      200: { description: "The group.", schema: groupWithSubscriptions, headers: ETAG, example: groupWithSubscriptionsExample },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    async handle({ parameters }) {
      const { group: stored, subscriptions, consumersOnline } = await broker.getGroup(parameters.group);
      const body = { ...groupJson(stored), subscriptions: subscriptions.map(subscriptionJson), consumersOnline };
      return jsonReply(200, body, { ETag: etagOf(stored) });
    },
  }),
];

const writeRoutes = ({ broker }: RouteDependencies): Route[] => [
  defineRoute({
    method: "PUT",
    path,
    operationId: "putGroup",
    tag,
    summary: "Create a consumer group, or change the settings that are named",
    headers: IF_MATCH,
    body: { kind: "json", schema: groupSettings, optional: true, example: groupSettingsExample },
    replies: {
      200: { description: "It existed and is as asked now.", schema: group, headers: ETAG, example: groupExample },
      201: { description: "Created.", schema: group, headers: ETAG, example: groupExample },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "PRECONDITION_FAILED", "QUOTA_EXCEEDED"],
    async handle({ parameters, body, header }) {
      const { group: stored, created } = await broker.putGroup(parameters.group, settingsOf(body), writeConditions(header));
      return groupReply(created ? 201 : 200, stored);
    },
  }),
  defineRoute({
    method: "PATCH",
    path,
    operationId: "patchGroup",
    tag,
    summary: "Change some settings of a consumer group",
    headers: IF_MATCH,
    body: { kind: "json", schema: groupPatch, mergePatch: true, example: groupPatchExample },
    replies: { 200: { description: "The group as it is now.", schema: group, headers: ETAG, example: groupExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "PRECONDITION_FAILED"],
    handle: async ({ parameters, body, header }) =>
      groupReply(200, await broker.patchGroup(parameters.group, patchOf(body), writeConditions(header))),
  }),
  defineRoute({
    method: "DELETE",
    path,
    operationId: "deleteGroup",
    tag,
    summary: "Delete a consumer group, its subscriptions and its dead letters",
    query: dryRunQuery,
    headers: IF_MATCH,
    replies: {
      200: { description: "What would go, for dryRun.", schema: groupDeletion, example: groupDeletionExample },
      204: { description: "Deleted." },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "PRECONDITION_FAILED"],
    async handle({ parameters, query, header }) {
      const dryRun = query.dryRun ?? false;
      const deletion = await broker.deleteGroup(parameters.group, { dryRun, ifMatch: writeConditions(header) });
      if (!dryRun) return emptyReply(204);
      const { subscriptions, deadLetters } = deletion;
      return jsonReply(200, { dryRun, group: groupJson(deletion.group), subscriptions, deadLetters });
    },
  }),
];

const pauseRoutes = ({ broker }: RouteDependencies): Route[] => [
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/pause",
    operationId: "pauseGroup",
    tag,
    summary: "Stop delivery to a group; messages go on accumulating",
    replies: { 200: { description: "The group, paused.", schema: group, headers: ETAG, example: groupExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle: async ({ parameters }) => groupReply(200, await broker.pauseGroup(parameters.group)),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/groups/{group}/resume",
    operationId: "resumeGroup",
    tag,
    summary: "Go on with delivery to a group",
    replies: { 200: { description: "The group, no longer paused.", schema: group, headers: ETAG, example: groupExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle: async ({ parameters }) => groupReply(200, await broker.resumeGroup(parameters.group)),
  }),
];
