import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { BrokerError } from "../../core/errors.ts";
import type { Random } from "../../core/ports/random.ts";
import type { Log } from "../runtime/log.ts";
import { problemReply, toBrokerError } from "./problem.ts";
import { answerClientError, answerConnect } from "./protocol-errors.ts";
import { requestIdOf } from "./request-id.ts";

/** Properties travel in headers on /publish: 16 KiB of them, their names, and the rest. */
const HEADER_BYTES_MAX = 32 * 1_024;
const HEADERS_TIMEOUT_MS = 20_000;
/** 6 MiB in this time is 100 KB/s. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than the usual idle limit of a load balancer, so that it never meets a connection being closed. */
const KEEP_ALIVE_MS = 75_000;
/** How often Node looks for requests that are late. */
const TIMEOUT_CHECK_MS = 5_000;
const IDLE_CHECK_MS = 20;

export interface NodeServer {
  readonly url: string;
  /** Stops accepting, lets requests finish for `graceMs`, then cuts them off. True when all finished. */
  stop(graceMs: number): Promise<boolean>;
}

export interface NodeServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
  readonly random: Random;
}

/** Serves `app` on node:http. Errors: what `listen` fails with, such as EADDRINUSE. */
export async function serveApp(app: Hono, options: NodeServerOptions): Promise<NodeServer> {
  const { host, port, log, random } = options;
  const listener = getRequestListener((request, env) => app.fetch(request, env), {
    errorHandler: (error) => unroutable(error, options),
  });
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      // A request without a Host is answered by `unroutable`, as a problem.
      requireHostHeader: false,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // A small answer should not wait for the acknowledgement of the one before.
      noDelay: true,
    },
    (incoming, outgoing) => void listener(incoming, outgoing),
  );
  // Node drops headers beyond its default count without a word; their size is bounded anyway.
  server.maxHeadersCount = 0;
  server.on("clientError", (error, socket) => answerClientError(error, socket, { random, log }));
  server.on("connect", (request, socket) => answerConnect(request, socket, { random, log }));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return { url: urlOf(host, server.address() as AddressInfo), stop: (graceMs) => stopServer(server, graceMs) };
}

const urlOf = (host: string, address: AddressInfo): string => `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;

/** A request that cannot be turned into a URL, such as one without a Host, never reaches the app. */
function unroutable(error: unknown, { log, random }: NodeServerOptions): Response {
  const requestId = requestIdOf(undefined, random);
  const malformed = error instanceof RequestError;
  if (!malformed) log.error({ err: error, requestId }, "request failed");
  const shown = malformed
    ? new BrokerError("BAD_REQUEST", `The request cannot be routed: ${error.message}.`)
    : toBrokerError(error);
  const reply = problemReply(shown, { requestId, instance: "/" });
  return new Response(reply.body, {
    status: reply.status,
    headers: { ...reply.headers, "X-Request-Id": requestId, "Server-Timing": "total;dur=0" },
  });
}

function stopServer(server: Server, graceMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    let finished = true;
    const deadline = setTimeout(() => {
      finished = false;
      server.closeAllConnections();
    }, graceMs);
    // A connection kept alive becomes idle when its last answer is out; nothing tells, so it is looked for.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
    server.close(() => {
      clearTimeout(deadline);
      clearInterval(idle);
      resolve(finished);
    });
    server.closeIdleConnections();
  });
}
