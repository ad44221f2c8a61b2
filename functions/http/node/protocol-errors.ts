import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { BrokerError, type Effect } from "../../../core/errors.ts";
import type { Random } from "../../../core/ports/random.ts";
import type { Log } from "../../runtime/log.ts";
import { type ProblemContext, problemReply } from "../problem.ts";
import { requestIdOf } from "../request-id.ts";
import { clientAddress } from "./client-address.ts";
import type { Exchange } from "./connections.ts";

/** An error of a request against HTTP as this server speaks it. */
export interface ProtocolError {
  readonly status: number;
  readonly detail: string;
}

const METHODS = "GET, HEAD, PUT, PATCH, POST, DELETE";

/** The error for input that Node's parser rejects. */
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

/** Errors that Node's parser accepts and RFC 9112 forbids. */
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

/** Answers instead of a route, and closes the connection: further bytes on it may belong to the same request. */
export function refuseRequest(
  { incoming, outgoing }: Exchange,
  error: ProtocolError,
  dependencies: ProtocolErrorDependencies,
): void {
  const { status, headers, body } = refusalOf(
    incoming.socket,
    problem(error, "none"),
    { instance: "/", status: error.status },
    dependencies,
  );
  outgoing.writeHead(status, headers).end(body);
}

/** As `refuseRequest`, on a bare connection without a request. `effect` is that of the malformed request. */
export function refuseConnection(
  socket: Socket,
  error: ProtocolError,
  effect: Effect,
  dependencies: ProtocolErrorDependencies,
): void {
  writeRaw(socket, refusalOf(socket, problem(error, effect), { instance: "/", status: error.status }, dependencies));
}

/** Refuses CONNECT, which asks for a tunnel and never reaches the routes. */
export function refuseTunnel({ url }: IncomingMessage, socket: Socket, dependencies: ProtocolErrorDependencies): void {
  const error = new BrokerError("METHOD_NOT_ALLOWED", `CONNECT is not allowed. Use ${METHODS}.`);
  writeRaw(socket, refusalOf(socket, error, { instance: url ?? "/", headers: { Allow: METHODS } }, dependencies));
}

const problem = ({ detail }: ProtocolError, effect: Effect): BrokerError => new BrokerError("BAD_REQUEST", detail, { effect });

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function refusalOf(
  socket: Socket,
  error: BrokerError,
  context: Omit<ProblemContext, "requestId">,
  { random, log }: ProtocolErrorDependencies,
): Refusal {
  const requestId = requestIdOf(undefined, random);
  const { status, headers, body } = problemReply(error, { requestId, ...context });
  log.info({ requestId, address: clientAddress(socket), status, code: error.code, route: "-" }, "request refused");
  const text = String(body);
  return {
    status,
    body: text,
    headers: {
      ...headers,
      "X-Request-Id": requestId,
      "Server-Timing": "total;dur=0",
      "Content-Length": String(Buffer.byteLength(text)),
      Connection: "close",
    },
  };
}

function writeRaw(socket: Socket, { status, headers, body }: Refusal): void {
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head.join("")}\r\n${body}`);
}
