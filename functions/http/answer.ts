import type { Context } from "hono";
import type { Broker } from "../../core/broker.ts";
import { BrokerError, badField } from "../../core/errors.ts";
import type { Random } from "../../core/ports/random.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import type { Log } from "../runtime/log.ts";
import { isRefusedForRoom } from "../runtime/refused-for-room.ts";
import type { ApiKeyGuard } from "./access/api-key-guard.ts";
import { Cors } from "./access/cors.ts";
import type { OpenServer } from "./access/open-server.ts";
import { answerOnce } from "./answer-once.ts";
import type { RequestMemory } from "./bounds/request-memory.ts";
import { identityByKey, keyedRequest, type RequestIdentity } from "./idempotency-key.ts";
import type { Inbound, RawRequest } from "./inbound.ts";
import { parseJson } from "./json-text.ts";
import { type ProblemContext, problemReply, toBrokerError } from "./problem.ts";
import type { Reply } from "./reply.ts";
import { requestIdOf } from "./request-id.ts";
import { parameterNames, type Route, type RouteRequest } from "./route.ts";
import { decodeComponent, parseQuery, splitTarget } from "./target.ts";
import { validate } from "./validation.ts";

export interface AnswerDependencies {
  readonly inbound: Inbound;
  readonly random: Random;
  readonly log: Log;
  readonly memory: RequestMemory;
  /** Absent: no key is needed. */
  readonly guard?: ApiKeyGuard | undefined;
  /** Keeps web pages out of a server without a key. */
  readonly openServer?: OpenServer | undefined;
  /** Default: no page of another origin may call. */
  readonly cors?: Cors | undefined;
}

const NO_CORS = new Cors();
const CHALLENGE = { "WWW-Authenticate": "Bearer" };
/** On every answer: its content is data, and no cache may keep it. */
const PLAIN_DATA = { "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" } as const;
/** Stands in logs and documentation for the route of requests that match none. */
const NO_ROUTE = "-";
const LOGGED_PATH_CHARS_MAX = 256;
const BYTES_FROM = 64 * 1_024;
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;
const MERGE_PATCH_TYPE = /^application\/merge-patch\+json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

/** The additional dependencies of a route: the broker's store recognises repeats of a request. */
export type RouteAnswerDependencies = AnswerDependencies & { readonly broker: Pick<Broker, "runOnce"> };

/** The handler of one route: reads and checks the request, calls the route, and renders its reply or error. */
export function answerRoute(route: Route, dependencies: RouteAnswerDependencies): (c: Context) => Promise<Response> {
  const { inbound, memory, broker } = dependencies;
  const names = parameterNames(route.path);
  const handle = async (c: Context, raw: RawRequest, requestId: string, query: string): Promise<Reply> => {
    let bytesHeld = 0;
    const take = (bytes: number): boolean => {
      if (!memory.take(bytes)) return false;
      bytesHeld += bytes;
      return true;
    };
    try {
      const header = (name: string) => inbound.header(raw, name);
      const headers = () => inbound.headers(raw);
      const identity = route.method === "POST" ? identityOf(c, header, dependencies) : undefined;
      const parameters = readParameters(c, names);
      const parsedQuery = readQuery(route, query);
      const bytes = route.body && (await readBytes(raw, inbound, take));
      const request: RouteRequest<string, unknown, unknown> = {
        parameters,
        query: parsedQuery,
        body: bytes && parseBody(route, bytes, header("content-type")),
        requestId,
        identity,
        header,
        headers,
        disconnected: () => inbound.disconnected?.(raw) ?? c.req.raw.signal,
      };
      if (!identity) return await route.handle(request);
      const keyed = keyedRequest(identity, { query, headers: headers(), body: bytes });
      return await answerOnce(broker, keyed, async () => route.handle(request), route.restore);
    } finally {
      memory.give(bytesHeld);
    }
  };
  return (c) => answer(c, route.path, dependencies, handle);
}

export interface Refusal {
  readonly error: BrokerError;
  readonly headers?: Record<string, string>;
}

/** Answers a request that no route takes with the refusal of `refuse`. */
export const answerRefusal = (
  dependencies: AnswerDependencies,
  refuse: (c: Context, path: string) => Refusal | Promise<Refusal>,
): ((c: Context) => Promise<Response>) => {
  return (c) =>
    answer(c, NO_ROUTE, dependencies, async (_, raw, requestId) => {
      const { path } = splitTarget(dependencies.inbound.target(raw));
      decodeComponent(path);
      const { error, headers } = await refuse(c, path);
      return problemReply(error, { requestId, instance: path, ...(headers ? { headers } : {}) });
    });
};

/** Adds to every answer a request id and its timing, logs it, and renders errors as problem documents. */
async function answer(
  c: Context,
  routePath: string,
  dependencies: AnswerDependencies,
  handle: (c: Context, raw: RawRequest, requestId: string, query: string) => Promise<Reply>,
): Promise<Response> {
  const startMs = performance.now();
  const { inbound, log, random, guard, openServer, cors = NO_CORS } = dependencies;
  const raw: RawRequest = { request: c.req.raw, env: c.env };
  const header = (name: string) => inbound.header(raw, name);
  const requestId = requestIdOf(header("x-request-id"), random);
  const logFields = inbound.logFields?.(raw);
  const { path, query } = splitTarget(inbound.target(raw));
  let reply: Reply;
  try {
    const preflight = cors.preflight(c.req.method, header);
    const admitted = guard?.admits(routePath, header("authorization")) ?? true;
    openServer?.check({ routePath, header, ...inbound.connection?.(raw) });
    if (preflight) reply = preflight;
    else if (admitted) reply = await handle(c, raw, requestId, query);
    else reply = unauthorizedReply({ requestId, instance: path });
  } catch (error) {
    const shown = toBrokerError(error);
    if (shown.code === "INTERNAL_ERROR") log.error({ err: error, requestId, ...logFields }, "request failed");
    else if (shown.code === "STORE_CORRUPT")
      log.error({ err: shown.cause, key: damagedKey(shown), requestId, ...logFields }, "stored data is damaged");
    else if (shown.code === "STORE_UNAVAILABLE" && !isRefusedForRoom(error))
      log.warn({ err: error, requestId, ...logFields }, "store unavailable");
    reply = problemReply(shown, { requestId, instance: path });
  }
  const durationMs = Math.round((performance.now() - startMs) * 1_000) / 1_000;
  log.info(
    {
      requestId,
      ...logFields,
      method: c.req.method,
      path: path.slice(0, LOGGED_PATH_CHARS_MAX),
      route: routePath,
      status: reply.status,
      code: reply.code,
      durationMs,
    },
    "request",
  );
  return new Response(outgoingBody(reply.body), {
    status: reply.status,
    headers: {
      ...PLAIN_DATA,
      ...reply.headers,
      ...cors.headersFor(header("origin"), reply.headers?.Vary),
      "X-Request-Id": requestId,
      "Server-Timing": `total;dur=${durationMs}`,
    },
  });
}

/** Node copies a string to send it, and sends bytes as they are. */
const outgoingBody = (body: Reply["body"]): Reply["body"] | Uint8Array<ArrayBuffer> =>
  typeof body === "string" && body.length > BYTES_FROM ? Buffer.from(body) : body;

const damagedKey = ({ cause }: BrokerError) => (StoreCorrupt.is(cause) ? cause.key : undefined);

function identityOf(
  { req: { method, path } }: Context,
  header: (name: string) => string | undefined,
  { guard }: AnswerDependencies,
): RequestIdentity | undefined {
  const key = header("idempotency-key");
  return key === undefined ? undefined : identityByKey(key, { credentials: guard && header("authorization"), method, path });
}

function readParameters(c: Context, names: readonly string[]): Record<string, string> {
  // The router keeps what it cannot decode, so a malformed path is refused before.
  decodeComponent(c.req.path);
  const parameters: Record<string, string> = {};
  for (const name of names) parameters[name] = c.req.param(name) ?? "";
  return parameters;
}

function readQuery(route: Route, query: string): unknown {
  if (route.query) return validate(route.query, parseQuery(query), "query");
  if (query === "") return undefined;
  for (const name of Object.keys(parseQuery(query))) {
    throw badField(name.slice(0, 200), "There is no such parameter.");
  }
  return undefined;
}

async function readBytes(raw: RawRequest, inbound: Inbound, take: (bytes: number) => boolean): Promise<Buffer> {
  const encoding = inbound.header(raw, "content-encoding");
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new BrokerError("UNSUPPORTED_MEDIA_TYPE", "Send the body as it is: a Content-Encoding is not accepted.");
  }
  return inbound.body(raw, take);
}

function parseBody({ body: format }: Route, bytes: Buffer, type: string | undefined): unknown {
  if (format?.kind !== "json") return bytes;
  if (bytes.length === 0 && format.optional) return validate(format.schema, {}, "body");
  if (type !== "application/json") requireJsonType(type, format.mergePatch === true);
  if (bytes.length === 0) throw new BrokerError("BAD_REQUEST", "The request has no body. Send a JSON object.");
  return validate(format.schema, parseJson(bytes), "body");
}

function requireJsonType(type: string | undefined, mergePatch: boolean): void {
  if (type !== undefined && (JSON_TYPE.test(type) || (mergePatch && MERGE_PATCH_TYPE.test(type)))) return;
  const found =
    type === undefined ? "The request has no Content-Type." : `The Content-Type is ${JSON.stringify(type.slice(0, 100))}.`;
  throw new BrokerError("UNSUPPORTED_MEDIA_TYPE", `${found} Send JSON and say so: -H 'Content-Type: application/json'.`);
}

/** The answer to a request without a known key. */
function unauthorizedReply(context: ProblemContext): Reply {
  const error = new BrokerError("UNAUTHORIZED", "This server wants a key that it knows. Send it as Authorization: Bearer <key>.");
  return problemReply(error, { ...context, headers: CHALLENGE });
}
