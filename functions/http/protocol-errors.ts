import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { BrokerError, type Effect } from "../../core/errors.ts";
import type { Random } from "../../core/ports/random.ts";
import type { Log } from "../runtime/log.ts";
import { problemReply } from "./problem.ts";
import type { Reply } from "./reply.ts";
import { requestIdOf } from "./request-id.ts";

/** What of a request is not HTTP as this server speaks it. */
export interface ProtocolError {
  readonly status: number;
  readonly detail: string;
}

const METHODS = "GET, HEAD, PUT, PATCH, POST, DELETE";

/** What Node's parser could not make a request of. */
export function parserError({ code }: NodeJS.ErrnoException): ProtocolError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, detail: "The headers of the request are too large." };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, detail: "The request did not arrive in time." };
    default:
      return { status: 400, detail: "The request is not well-formed HTTP." };
  }
}

/** What Node's parser lets through and RFC 9112 does not. */
export function requestError({ httpVersion, headers, rawHeaders }: IncomingMessage): ProtocolError | undefined {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return { status: 505, detail: "Speak HTTP/1.1." };
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.length === 4 && name.toLowerCase() === "host").length;
  if (hosts === 0 && httpVersion === "1.1") return { status: 400, detail: "The request cannot be routed: it has no Host." };
  if (hosts > 1) return { status: 400, detail: "The request cannot be routed: it has more than one Host." };
  if (headers.expect !== undefined && httpVersion === "1.1" && headers.expect.toLowerCase() !== "100-continue")
    return { status: 417, detail: "The one Expect that is known is 100-continue." };
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked")
    return { status: 501, detail: "The one Transfer-Encoding that is known is chunked." };
  return undefined;
}

export interface ProtocolErrorDependencies {
  readonly random: Random;
  readonly log: Log;
}

/** Answers in place of the routes, and closes the connection: what follows on it may be a part of the same request. */
export function refuseRequest(outgoing: ServerResponse, error: ProtocolError, dependencies: ProtocolErrorDependencies): void {
  const { reply, headers } = problemOf(error, "none", dependencies);
  outgoing.writeHead(reply.status, headers).end(reply.body);
}

/** The same where there is no request to answer, on the bare connection. `effect` is that of the request that was malformed. */
export function refuseConnection(
  socket: Duplex,
  error: ProtocolError,
  effect: Effect,
  dependencies: ProtocolErrorDependencies,
): void {
  const { reply, headers } = problemOf(error, effect, dependencies);
  writeRaw(socket, reply, headers);
}

/** CONNECT asks for a tunnel, and never reaches the routes. */
export function refuseTunnel(request: IncomingMessage, socket: Duplex, { random, log }: ProtocolErrorDependencies): void {
  const requestId = requestIdOf(undefined, random);
  const error = new BrokerError("METHOD_NOT_ALLOWED", `CONNECT is not allowed. Use ${METHODS}.`);
  const reply = problemReply(error, { requestId, instance: request.url ?? "/", headers: { Allow: METHODS } });
  log.info({ requestId, status: reply.status, route: "-" }, "request refused");
  writeRaw(socket, reply, headersOf(reply, requestId));
}

function problemOf({ status, detail }: ProtocolError, effect: Effect, { random, log }: ProtocolErrorDependencies) {
  const requestId = requestIdOf(undefined, random);
  const reply = problemReply(new BrokerError("BAD_REQUEST", detail, { effect }), { requestId, instance: "/", status });
  log.info({ requestId, status, route: "-" }, "request refused");
  return { reply, headers: headersOf(reply, requestId) };
}

const headersOf = ({ headers, body }: Reply, requestId: string): Record<string, string> => ({
  ...headers,
  "X-Request-Id": requestId,
  "Server-Timing": "total;dur=0",
  "Content-Length": String(Buffer.byteLength(String(body))),
  Connection: "close",
});

function writeRaw(socket: Duplex, { status, body }: Reply, headers: Readonly<Record<string, string>>): void {
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head.join("")}\r\n${body}`);
}
