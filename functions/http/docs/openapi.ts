import type { z } from "zod";
import { ERROR_CODES, type ErrorCodeName } from "../../../core/errors.ts";
import { type DocumentedReply, parameterNames, type Route } from "../route.ts";
import { idempotencyKey } from "../schemas/headers.ts";
import { PATH_PARAMETERS } from "../schemas/path-parameters.ts";
import { problem } from "../schemas/shared.ts";
import { TAGS } from "../tags.ts";
import { type JsonSchema, type JsonSchemas, jsonSchemas } from "./json-schemas.ts";
import { ANSWER_HEADERS, HEADERS, type Header, problemHeaders } from "./openapi-headers.ts";

/** Errors of any route. Two of them come from a server without a key, which keeps web pages out. */
const ANY_ROUTE_ERRORS = [
  "BAD_REQUEST",
  "MISDIRECTED_REQUEST",
  "ORIGIN_NOT_ALLOWED",
  "SERVER_BUSY",
  "STORE_UNAVAILABLE",
  "STORE_CORRUPT",
  "INTERNAL_ERROR",
] as const satisfies ErrorCodeName[];
/** Additional errors of a route that may want a key. */
const KEY_ERRORS = ["UNAUTHORIZED"] as const satisfies ErrorCodeName[];
/** Additional errors of any route that changes something. */
const CHANGE_ERRORS = ["REQUEST_TIMEOUT"] as const satisfies ErrorCodeName[];
/** Additional errors of a POST, whose repeats may be recognised by a key. */
const POST_ERRORS = ["REQUEST_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED"] as const satisfies ErrorCodeName[];
/** Additional errors of a route that reads a body. */
const BODY_ERRORS = ["UNSUPPORTED_MEDIA_TYPE", "MESSAGE_BODY_TOO_LARGE"] as const satisfies ErrorCodeName[];

/** The only security scheme. */
const API_KEY = "apiKey";

interface MediaType {
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
  readonly example?: unknown;
}

export interface Answer {
  readonly description: string;
  readonly headers: Readonly<Record<string, Header | { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, MediaType>>;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  /** The second of two entries is for servers with a key. */
  readonly security: readonly Readonly<Record<string, readonly []>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly description?: string;
    readonly required: boolean;
    readonly content: Readonly<Record<string, MediaType>>;
  };
  readonly responses: Readonly<Record<string, Answer>>;
}

/** The OpenAPI 3.1 document of a route table: the same for servers with and without a key. */
export function createOpenApiDocument(routes: readonly Route[]) {
  const schemas = jsonSchemas(routes.flatMap(schemasOf));
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, schemas) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Apogee",
      version: "1",
      description:
        "A message broker with RocketMQ's semantics. Every answer carries X-Request-Id, which is the request's own where it has " +
        "one of 1 to 64 letters, digits, `.`, `_` and `-`, and Server-Timing. Errors are problem documents (RFC 9457).",
      license: { name: "Apache License 2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The server that this document comes from." }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: { [API_KEY]: { type: "http", scheme: "bearer" } },
      headers: HEADERS,
      schemas: schemas.components,
    },
  };
}

const bodySchema = ({ body }: Route): z.ZodType | undefined =>
  body?.kind === "json" ? (body.documented ?? body.schema) : undefined;

/** All schemas that `operationOf` uses. */
function schemasOf(route: Route): z.ZodType[] {
  const replies = Object.values(route.replies).flatMap(({ schema, alternatives = {} }) => [
    schema,
    ...Object.values(alternatives).map((alternative) => alternative.schema),
  ]);
  const parameters = [...Object.values(route.headers ?? {}), ...parameterNames(route.path).map(pathParameter)];
  const all = [problem, idempotencyKey, bodySchema(route), route.query, ...parameters, ...replies];
  return all.filter((schema) => schema !== undefined);
}

function operationOf(route: Route, schemas: JsonSchemas): Operation {
  const requestBody = requestBodyOf(route, schemas);
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: route.description ?? `${route.summary}.`,
    security: route.open ? [] : [{}, { [API_KEY]: [] }],
    parameters: parametersOf(route, schemas),
    ...(requestBody ? { requestBody } : {}),
    responses: { ...repliesOf(route, schemas), ...errorsOf(route, schemas) },
  };
}

function pathParameter(name: string): z.ZodType {
  const schema = PATH_PARAMETERS[name];
  if (schema === undefined) throw new Error(`the path parameter ${name} is not described`);
  return schema;
}

function parametersOf(route: Route, schemas: JsonSchemas): Parameter[] {
  const headers = { ...(route.method === "POST" ? { "Idempotency-Key": idempotencyKey } : {}), ...route.headers };
  const { properties = {} } = route.query ? (schemas.of(route.query) as { properties?: Record<string, JsonSchema> }) : {};
  return [
    ...parameterNames(route.path).map((name) => parameterOf(name, "path", schemas.of(pathParameter(name)))),
    ...Object.entries(properties).map(([name, schema]) => parameterOf(name, "query", schema)),
    ...Object.entries(headers).map(([name, schema]) => parameterOf(name, "header", schemas.of(schema))),
  ];
}

function parameterOf(name: string, where: Parameter["in"], json: JsonSchema): Parameter {
  const { description, example, ...schema } = json as { description?: string; example?: unknown };
  return {
    name,
    in: where,
    required: where === "path",
    ...(description === undefined ? {} : { description }),
    schema,
    ...(example === undefined ? {} : { example }),
  };
}

function requestBodyOf(route: Route, schemas: JsonSchemas): Operation["requestBody"] {
  const { body } = route;
  if (!body) return undefined;
  const { example } = body;
  if (body.kind === "bytes") {
    return { required: true, content: { "application/octet-stream": { schema: { type: "string", format: "binary" }, example } } };
  }
  return {
    // Not a separate content type: generated clients would make two requests of it, or not compile.
    ...(body.mergePatch ? { description: "Also taken as `application/merge-patch+json`." } : {}),
    required: !body.optional,
    content: { "application/json": { schema: schemas.of(body.documented ?? body.schema), example } },
  };
}

function repliesOf({ method, replies }: Route, schemas: JsonSchemas): Record<string, Answer> {
  const replayed = method === "POST" ? { "Idempotency-Replayed": { $ref: "#/components/headers/Idempotency-Replayed" } } : {};
  return Object.fromEntries(
    Object.entries(replies).map(([status, reply]) => {
      const content = contentOf(reply, schemas);
      const answer = { description: reply.description, headers: { ...ANSWER_HEADERS, ...headersOf(reply), ...replayed } };
      return [status, { ...answer, ...(content ? { content } : {}) }];
    }),
  );
}

const headersOf = ({ headers = {} }: DocumentedReply): Record<string, Header> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, required: true, schema: { type: "string" } }]),
  );

function contentOf(reply: DocumentedReply, schemas: JsonSchemas): Answer["content"] {
  const { schema, contentType = "application/json", example, alternatives = {} } = reply;
  if (!schema) return undefined;
  const others = Object.entries(alternatives).map(([type, other]) => {
    return [type, { schema: schemas.of(other.schema), example: other.example }] as const;
  });
  const media = { schema: schemas.of(schema), ...(example === undefined ? {} : { example }) };
  return { [contentType]: media, ...Object.fromEntries(others) };
}

/** Problem documents by status. Codes with the same status are listed together. */
function errorsOf(route: Route, schemas: JsonSchemas): Record<string, Answer> {
  const key = route.open ? [] : KEY_ERRORS;
  const body = route.body ? BODY_ERRORS : [];
  const change = route.method === "GET" ? [] : CHANGE_ERRORS;
  const post = route.method === "POST" ? POST_ERRORS : [];
  const codes = [...new Set<ErrorCodeName>([...ANY_ROUTE_ERRORS, ...key, ...body, ...change, ...post, ...route.errors])].sort();
  const byStatus = new Map<number, ErrorCodeName[]>();
  for (const code of codes) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { "application/problem+json": { schema: schemas.of(problem) } };
  return Object.fromEntries(
    Array.from(byStatus, ([status, names]) => {
      const headers = { ...ANSWER_HEADERS, ...problemHeaders(status, names) };
      return [status, { description: names.join(", "), headers, content }];
    }),
  );
}
