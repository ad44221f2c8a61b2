import { createServer, type Server } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { BrokerError } from "../../../core/errors.ts";
import type { Random } from "../../../core/ports/random.ts";
import type { Log } from "../../runtime/log.ts";
import type { AnswerMemory } from "../bounds/answer-memory.ts";
import { problemReply, toBrokerError } from "../problem.ts";
import { requestIdOf } from "../request-id.ts";
import { Connections, type Exchange } from "./connections.ts";
import { parserError, refuseConnection, refuseRequest, refuseTunnel, requestError } from "./protocol-errors.ts";

/** /publish takes properties as headers: 16 KiB of them, their names, and the other headers. */
const HEADER_BYTES_MAX = 32 * 1_024;
const HEADERS_TIMEOUT_MS = 20_000;
/** 6 MiB in this time is 100 KB/s. A refused request is read for as long, so that a client that is still writing reaches the answer. */
const REQUEST_TIMEOUT_MS = 60_000;
/** A client that reads nothing of its answer for this long is cut off. A stream of events writes more often. */
const WRITE_TIMEOUT_MS = 60_000;
/** Longer than the usual idle limit of a load balancer, so that it never uses a connection that is being closed. */
const KEEP_ALIVE_MS = 75_000;
/** How often Node looks for requests that are late. */
const TIMEOUT_CHECK_MS = 5_000;
const IDLE_CHECK_MS = 20;
/** Connections that may wait to be accepted; the system has a limit of its own. */
const BACKLOG = 4_096;

export interface NodeServer {
  readonly url: string;
  /** Stops accepting, lets requests finish for `graceMs`, then cuts them off. True when all finished. */
  stop(graceMs: number): Promise<boolean>;
}

export interface NodeServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Connections open at once. */
  readonly connectionsMax: number;
  readonly answerMemory: AnswerMemory;
  /** Default: a minute. */
  readonly writeTimeoutMs?: number | undefined;
  readonly log: Log;
  readonly random: Random;
}

/** Serves `app` on node:http. Errors: what `listen` fails with, such as EADDRINUSE. */
export async function serveApp(app: Hono, options: NodeServerOptions): Promise<NodeServer> {
  const { host, port, connectionsMax } = options;
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    errorHandler: (error) => unroutable(error, options),
    // HTTP/1.0 requests, such as health checks, need not have a Host.
    hostname: "localhost",
    // Automatic clean-up would end an upload half a second after the answer. Node reads on until the request's time is over.
    autoCleanupIncoming: false,
  });
  const connections = new Connections({
    max: connectionsMax,
    serve(exchange) {
      const { incoming, outgoing } = exchange;
      const error = requestError(incoming);
      if (error) refuseRequest(exchange, error, options);
      else void listener(incoming, outgoing).then(() => countUnsent(outgoing, options.answerMemory));
    },
  });
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      // A request without a Host is answered with a problem.
      requireHostHeader: false,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // A small answer should not wait for the acknowledgement of the one before.
      noDelay: true,
    },
    (incoming, outgoing) => connections.arrived({ incoming, outgoing }),
  );
  server.timeout = options.writeTimeoutMs ?? WRITE_TIMEOUT_MS;
  // Node drops headers beyond its default count without a word; their size is bounded anyway.
  server.maxHeadersCount = 0;
  // A client that closed its side after the request still gets its answer.
  Reflect.set(server, "httpAllowHalfOpen", true);
  server.on("connection", (socket) => connections.opened(socket));
  server.on("checkExpectation", (incoming, outgoing) => connections.arrived({ incoming, outgoing }));
  server.on("clientError", (error, socket) => endMalformed(error, socket as Socket, connections, options));
  server.on("connect", (request, stream) => {
    const socket = stream as Socket;
    socket.on("error", () => socket.destroy());
    connections.endWith(socket, () => refuseTunnel(request, socket, options));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    url: urlOf(host, server.address() as AddressInfo),
    stop: (graceMs) => stopServer(server, connections, graceMs),
  };
}

/** Counts the part of an answer that waits in memory until the client reads on. */
function countUnsent(outgoing: Exchange["outgoing"], memory: AnswerMemory): void {
  const bytes = outgoing.writableLength;
  if (bytes > 0 && !outgoing.closed)
    outgoing.once(
      "close",
      memory.hold(bytes, () => outgoing.destroy()),
    );
}

const urlOf = (host: string, address: AddressInfo): string => `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;

/** A request that cannot be turned into a URL, such as one with a malformed Host, never reaches the app. */
function unroutable(error: unknown, { log, random }: NodeServerOptions): Response {
  const requestId = requestIdOf(undefined, random);
  const malformed = error instanceof RequestError;
  if (!malformed) log.error({ err: error, requestId }, "request failed");
  else log.info({ requestId, status: 400, code: "BAD_REQUEST", route: "-" }, "request refused");
  const shown = malformed
    ? new BrokerError("BAD_REQUEST", `The request cannot be routed: ${error.message}.`)
    : toBrokerError(error);
  const reply = problemReply(shown, { requestId, instance: "/" });
  return new Response(reply.body, {
    status: reply.status,
    headers: { ...reply.headers, "X-Request-Id": requestId, "Server-Timing": "total;dur=0" },
  });
}

/**
 * Ends a connection that Node's parser gave up on. Complete earlier requests are handled and answered first: otherwise the refusal
 * would be taken for their answer.
 */
function endMalformed(error: NodeJS.ErrnoException, socket: Socket, connections: Connections, options: NodeServerOptions): void {
  const busy = connections.busyWith(socket);
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
  } else if (busy === undefined || busy.incoming.complete) {
    connections.endWith(socket, () => refuseConnection(socket, parserError(error), "none", options));
  } else if (busy.outgoing.headersSent) {
    // The malformed part is the rest of a body. Its request is answered, or almost.
    socket.destroySoon();
  } else {
    // The malformed part belongs to the request under way, whose handler may have run.
    refuseConnection(socket, parserError(error), "unknown", options);
  }
}

function stopServer(server: Server, connections: Connections, graceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let finished = true;
    const deadline = setTimeout(() => {
      finished = false;
      server.closeAllConnections();
    }, graceMs);
    // A connection that is kept alive becomes idle when its last answer is sent.
    const idle = setInterval(() => connections.closeIdle(), IDLE_CHECK_MS);
    // The close of node:http would cut off answers that are written but not sent.
    NetServer.prototype.close.call(server, () => {
      clearTimeout(deadline);
      clearInterval(idle);
      resolve(finished);
    });
    connections.closeIdle();
  });
}
