import { expiresAtMs } from "../../../core/assignment/member-codec.ts";
import type { ListedMember } from "../../../core/assignment/members.ts";
import { listReply } from "../list-page.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  clientListQuery,
  clientPage,
  clientPageExample,
  heartbeat,
  heartbeatExample,
  heartbeatRequest,
  heartbeatRequestExample,
} from "../schemas/clients.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Clients";
const path = "/v1/groups/{group}/clients/{clientId}";

const clientJson = (member: ListedMember) => ({
  id: member.clientId,
  subscriptions: [...member.subscriptions],
  room: member.room ?? null,
  firstSeenAt: formatInstant(member.firstSeenAtMs),
  lastSeenAt: formatInstant(member.lastSeenAtMs),
  expiresAt: formatInstant(expiresAtMs(member)),
});

export const clientRoutes = ({ broker, cursors }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/groups/{group}/clients",
    operationId: "listClients",
    tag,
    summary: "List the clients of a group that heartbeat",
    query: clientListQuery,
    replies: { 200: { description: "One page.", schema: clientPage, example: clientPageExample } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND"],
    handle: ({ parameters: { group }, query }) =>
      listReply(cursors, `clients\0${group}`, query, (request) => broker.listMembers(group, request), clientJson),
  }),
  defineRoute({
    method: "PUT",
    path,
    operationId: "heartbeat",
    tag,
    summary: "Join a group or stay in it, and learn which queues are the client's own",
    body: { kind: "json", schema: heartbeatRequest, optional: true, example: heartbeatRequestExample },
    replies: {
      200: { description: "It stays.", schema: heartbeat, example: heartbeatExample },
      201: { description: "It joined.", schema: heartbeat, example: heartbeatExample },
    },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "QUOTA_EXCEEDED"],
    async handle({ parameters, body }) {
      const { joined, generation, assignment, expiresAtMs } = await broker.heartbeat(parameters.group, parameters.clientId, body);
      return jsonReply(joined ? 201 : 200, { generation, assignment, expiresAt: formatInstant(expiresAtMs) });
    },
  }),
  defineRoute({
    method: "DELETE",
    path,
    operationId: "deleteClient",
    tag,
    summary: "Leave a group at once",
    replies: { 204: { description: "It left." } },
    errors: ["ILLEGAL_CONSUMER_GROUP", "CONSUMER_GROUP_NOT_FOUND", "NOT_FOUND"],
    async handle({ parameters }) {
      await broker.removeMember(parameters.group, parameters.clientId);
      return emptyReply(204);
    },
  }),
];
