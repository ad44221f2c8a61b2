import type { EndpointState, ShownProducerGroup } from "../../../core/transaction/transaction.ts";
import { redactedUrl } from "../../../core/webhooks/redacted-url.ts";
import { encodeWebhookSecret } from "../../../core/webhooks/webhook-secret.ts";
import { etagOf, writeConditions } from "../etag.ts";
import { listReply } from "../list-page.ts";
import { emptyReply, jsonReply } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { IF_MATCH } from "../schemas/headers.ts";
import {
  producerGroup,
  producerGroupExample,
  producerGroupPage,
  producerGroupPageExample,
  producerGroupQuery,
  producerGroupSettings,
  producerGroupSettingsExample,
  putProducerGroup,
  putProducerGroupExample,
} from "../schemas/producer-groups.ts";
import { formatInstant } from "../times.ts";
import type { RouteDependencies } from "./route-dependencies.ts";

const tag = "Transactions";
const path = "/v1/producer-groups/{producerGroup}";
const ETAG = { ETag: "Version of the settings, for If-Match." };

const instantJson = (ms: number | undefined): string | null => (ms === undefined ? null : formatInstant(ms));

const endpointJson = ({ state, failures, openUntilMs, lastFailure, lastFailureAtMs }: EndpointState) => ({
  state,
  failures,
  openUntil: instantJson(openUntilMs),
  lastFailure: lastFailure ?? null,
  lastFailureAt: instantJson(lastFailureAtMs),
});

const producerGroupJson = (value: ShownProducerGroup) => ({
  name: value.name,
  url: value.url === undefined ? null : redactedUrl(value.url),
  maxChecks: value.maxChecks,
  endpoint: value.endpoint === undefined ? null : endpointJson(value.endpoint),
  createdAt: formatInstant(value.createdAtMs),
  updatedAt: formatInstant(value.updatedAtMs),
});

export const producerGroupRoutes = ({ broker, cursors }: RouteDependencies): readonly Route[] => [
  defineRoute({
    method: "GET",
    path: "/v1/producer-groups",
    operationId: "listProducerGroups",
    tag,
    summary: "List producer groups that have settings, by name",
    query: producerGroupQuery,
    replies: { 200: { description: "One page.", schema: producerGroupPage, example: producerGroupPageExample } },
    errors: [],
    handle: ({ query }) =>
      listReply(cursors, "producer-groups", query, (request) => broker.listProducerGroups(request), producerGroupJson),
  }),
  defineRoute({
    method: "GET",
    path,
    operationId: "getProducerGroup",
    tag,
    summary: "Read a producer group's settings, and how its endpoint does",
    replies: {
      200: {
        description: "The settings, without the secret.",
        schema: producerGroup,
        headers: ETAG,
        example: producerGroupExample,
      },
    },
    errors: ["NOT_FOUND"],
    async handle({ parameters }) {
      const stored = await broker.getProducerGroup(parameters.producerGroup);
      return jsonReply(200, producerGroupJson(stored), { ETag: etagOf(stored) });
    },
  }),
  defineRoute({
    method: "PUT",
    path,
    operationId: "putProducerGroup",
    tag,
    summary: "Say where a producer group's checks are posted, and how many are made",
    description: "A group needs no settings to be used. What is left out stays as it is.",
    headers: IF_MATCH,
    body: { kind: "json", schema: producerGroupSettings, optional: true, example: producerGroupSettingsExample },
    replies: {
      200: {
        description: "It had settings, and they are as asked now.",
        schema: putProducerGroup,
        headers: ETAG,
        example: producerGroupExample,
      },
      201: { description: "Created.", schema: putProducerGroup, headers: ETAG, example: putProducerGroupExample },
    },
    errors: ["PRECONDITION_FAILED", "QUOTA_EXCEEDED"],
    async handle({ parameters, body, header }) {
      const { producerGroup: name } = parameters;
      const { group, created, newSecret } = await broker.putProducerGroup(name, body, writeConditions(header));
      const secret = newSecret && { secret: encodeWebhookSecret(newSecret) };
      return jsonReply(created ? 201 : 200, { ...producerGroupJson(group), ...secret }, { ETag: etagOf(group) });
    },
  }),
  defineRoute({
    method: "DELETE",
    path,
    operationId: "deleteProducerGroup",
    tag,
    summary: "Delete a producer group's settings",
    description: "Its transactions go on: they are checked by the defaults.",
    headers: IF_MATCH,
    replies: { 204: { description: "Deleted." } },
    errors: ["NOT_FOUND", "PRECONDITION_FAILED"],
    async handle({ parameters, header }) {
      await broker.deleteProducerGroup(parameters.producerGroup, writeConditions(header));
      return emptyReply(204);
    },
  }),
];
