import { z } from "zod";
import { ERROR_CODES, type ErrorCodeName } from "../../core/errors.ts";
import { IDEMPOTENCY_KEY_CHARS_MAX } from "../../core/limits.ts";
import { parameterNames, type Route } from "./route.ts";
import { problem } from "./schemas/shared.ts";

const ANY_ROUTE_ERRORS = [
  "BAD_REQUEST",
  "SERVER_BUSY",
  "STORE_UNAVAILABLE",
  "STORE_CORRUPT",
  "INTERNAL_ERROR",
] as const satisfies ErrorCodeName[];
/** Besides, of any route that changes something. */
const CHANGE_ERRORS = ["REQUEST_TIMEOUT"] as const satisfies ErrorCodeName[];
/** Besides, of a POST: its repeats may be told by a key. */
const POST_ERRORS = ["REQUEST_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED"] as const satisfies ErrorCodeName[];
const POST_HEADERS = z.object({
  "Idempotency-Key": z
    .string()
    .min(1)
    .max(IDEMPOTENCY_KEY_CHARS_MAX)
    .optional()
    .describe("Repeats with the same key are answered as the first, for 24 hours, and say `Idempotency-Replayed: true`."),
});

export type OpenApiDocument = Awaited<ReturnType<typeof createOpenApiDocument>>;

/** The one way to get past a guard. */
const API_KEY = "apiKey";

/** The OpenAPI 3.1 document of a route table: one for servers with a key and for those without. */
export async function createOpenApiDocument(routes: readonly Route[]) {
  const { OpenAPIHono } = await import("@hono/zod-openapi");
  const { openAPIRegistry, getOpenAPI31Document } = new OpenAPIHono();
  openAPIRegistry.registerComponent("securitySchemes", API_KEY, { type: "http", scheme: "bearer" });
  for (const route of routes) {
    openAPIRegistry.registerPath({
      method: route.method.toLowerCase() as Lowercase<Route["method"]>,
      path: route.path,
      operationId: route.operationId,
      tags: [route.tag],
      summary: route.summary,
      ...(route.description ? { description: route.description } : {}),
      security: route.open ? [] : [{}, { [API_KEY]: [] }],
      request: requestOf(route),
      responses: { ...repliesOf(route), ...errorsOf(route) },
    });
  }
  return getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Apogee",
      version: "1",
      description: "A message broker with RocketMQ's semantics. Every answer carries X-Request-Id and Server-Timing.",
      license: { name: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
  });
}

type Documented = Parameters<InstanceType<typeof import("@hono/zod-openapi").OpenAPIHono>["openAPIRegistry"]["registerPath"]>[0];

function requestOf(route: Route): NonNullable<Documented["request"]> {
  const names = parameterNames(route.path);
  const { query, body } = route;
  return {
    ...(names.length > 0 ? { params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } : {}),
    ...(query instanceof z.ZodObject ? { query } : {}),
    ...(route.method === "POST" ? { headers: POST_HEADERS } : {}),
    ...(body ? { body: bodyOf(body) } : {}),
  };
}

function bodyOf(body: NonNullable<Route["body"]>): NonNullable<NonNullable<Documented["request"]>["body"]> {
  if (body.kind === "bytes") {
    return { required: true, content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } };
  }
  const schema = body.documented ?? body.schema;
  const types = body.mergePatch ? ["application/merge-patch+json", "application/json"] : ["application/json"];
  return { required: !body.optional, content: Object.fromEntries(types.map((type) => [type, { schema }])) };
}

function repliesOf(route: Route): Documented["responses"] {
  const replies: Documented["responses"] = {};
  for (const [status, reply] of Object.entries(route.replies)) {
    const headers = Object.entries(reply.headers ?? {}).map(([name, description]) => {
      return [name, { description, schema: { type: "string" as const } }] as const;
    });
    replies[status] = {
      description: reply.description,
      ...(reply.schema ? { content: { [reply.contentType ?? "application/json"]: { schema: reply.schema } } } : {}),
      ...(!reply.schema && reply.contentType ? { content: { [reply.contentType]: { schema: { type: "string" } } } } : {}),
      ...(headers.length > 0 ? { headers: Object.fromEntries(headers) } : {}),
    };
  }
  return replies;
}

/** Problem documents, by status: codes that share one are listed together. */
function errorsOf(route: Route): Documented["responses"] {
  const key = route.open ? [] : (["UNAUTHORIZED"] as const);
  const json = route.body?.kind === "json" ? (["UNSUPPORTED_MEDIA_TYPE", "MESSAGE_BODY_TOO_LARGE"] as const) : [];
  const change = route.method === "GET" ? [] : CHANGE_ERRORS;
  const post = route.method === "POST" ? POST_ERRORS : [];
  const codes = [...new Set<ErrorCodeName>([...ANY_ROUTE_ERRORS, ...key, ...json, ...change, ...post, ...route.errors])].sort();
  const byStatus = new Map<number, ErrorCodeName[]>();
  for (const code of codes) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { "application/problem+json": { schema: problem } };
  return Object.fromEntries(Array.from(byStatus, ([status, names]) => [status, { description: names.join(", "), content }]));
}
