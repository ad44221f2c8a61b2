import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { BrokerError } from "../../core/errors.ts";
import type { Random } from "../../core/ports/random.ts";
import type { Log } from "../runtime/log.ts";
import { problemReply } from "./problem.ts";
import { requestIdOf } from "./request-id.ts";

/** What Node's parser could not make a request of, as a problem. */
function describe(error: NodeJS.ErrnoException): { status: number; detail: string } {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return { status: 431, detail: "The headers of the request are too large." };
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return { status: 408, detail: "The request did not arrive in time." };
    default:
      return { status: 400, detail: "The request is not well-formed HTTP." };
  }
}

export interface ProtocolErrorDependencies {
  readonly random: Random;
  readonly log: Log;
}

/** Answers a request that never became one, and closes the connection: what follows on it cannot be told apart. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex, dependencies: ProtocolErrorDependencies): void {
  // An answer that is being written must not get another one in its middle, as Node's own handler has it.
  const current: unknown = Reflect.get(socket, "_httpMessage");
  const answering = typeof current === "object" && current !== null && Reflect.get(current, "headersSent") === true;
  if (error.code === "ECONNRESET" || !socket.writable || answering) {
    socket.destroy();
    return;
  }
  const { status, detail } = describe(error);
  // Where a request of this connection has begun, what is malformed is the rest of it: its handler may have run.
  const effect = current === undefined || current === null ? "none" : "unknown";
  writeProblem(socket, new BrokerError("BAD_REQUEST", detail, { effect }), status, "/", dependencies);
}

/** CONNECT asks for a tunnel, and never reaches the routes. */
export function answerConnect(request: IncomingMessage, socket: Duplex, dependencies: ProtocolErrorDependencies): void {
  socket.on("error", () => socket.destroy());
  writeProblem(socket, new BrokerError("METHOD_NOT_ALLOWED", "CONNECT is not allowed."), 405, request.url ?? "/", dependencies, {
    Allow: "GET, HEAD, PUT, PATCH, POST, DELETE",
  });
}

function writeProblem(
  socket: Duplex,
  error: BrokerError,
  status: number,
  instance: string,
  { random, log }: ProtocolErrorDependencies,
  headers: Readonly<Record<string, string>> = {},
): void {
  const requestId = requestIdOf(undefined, random);
  const reply = problemReply(error, { requestId, instance, status, headers });
  const body = Buffer.from(String(reply.body));
  const fields = {
    ...reply.headers,
    "X-Request-Id": requestId,
    "Server-Timing": "total;dur=0",
    "Content-Length": String(body.length),
    Connection: "close",
  };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  log.info({ requestId, status, route: "-" }, "request refused");
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head.join("")}\r\n`), body]));
}
