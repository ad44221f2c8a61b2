import type { RunningBroker } from "../../../core/create-broker.ts";
import type { Random } from "../../../core/ports/random.ts";
import type { Signer } from "../../../core/ports/signer.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Log } from "../../runtime/log.ts";
import { isRefusedForRoom } from "../../runtime/refused-for-room.ts";
import type { ApiKeyGuard } from "../access/api-key-guard.ts";
import { Cors } from "../access/cors.ts";
import { OpenServer } from "../access/open-server.ts";
import { createApp } from "../app.ts";
import type { AnswerMemory } from "../bounds/answer-memory.ts";
import { BackgroundSends } from "../bounds/background-sends.ts";
import { LongPolls } from "../bounds/long-polls.ts";
import type { RequestMemory } from "../bounds/request-memory.ts";
import { nodeInbound } from "./node-inbound.ts";
import { serveApp } from "./node-server.ts";

/** For the files of the store, webhooks, and connections to other services. */
const RESERVED = 128;
const CONNECTIONS_MAX = 10_000;
const CONNECTIONS_MIN = 16;

export interface ServeOptions {
  readonly broker: RunningBroker;
  readonly log: Log;
  readonly random: Random;
  readonly signer: Signer;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Bounds the bytes of request bodies held at once. */
  readonly memory: RequestMemory;
  /** The same one that the broker reads by. */
  readonly answerMemory: AnswerMemory;
  /** Absent: no request needs a key, and the server is only for programs of this machine. */
  readonly guard?: ApiKeyGuard | undefined;
  /** How long a client may read nothing of its answer. Default: a minute. */
  readonly writeTimeoutMs?: number;
  /** Connections open at once. Default: as many as the process may have. */
  readonly connectionsMax?: number;
  /** Names under which a server without a guard may be called, besides this machine's own and `host`. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose web pages may call. */
  readonly corsOrigins?: readonly string[];
}

export interface ServedBroker {
  readonly url: string;
  /**
   * Ends long polls with what they have, lets requests and one-way sends finish for `graceMs`, and cuts off the rest. Afterwards
   * nothing uses the broker.
   */
  stop(graceMs: number): Promise<void>;
}

/** Serves a broker over HTTP on node:http. Errors: what listening fails with, such as EADDRINUSE. */
export async function serveBroker(options: ServeOptions): Promise<ServedBroker> {
  const { broker, log, random, signer, host, port, guard, allowedHosts = [] } = options;
  const cors = new Cors(options.corsOrigins);
  const longPolls = new LongPolls();
  const background = new BackgroundSends((error) => {
    if (isRefusedForRoom(error)) log.warn("a one-way message was not stored: the disk is nearly full");
    else log.error({ err: error }, "a one-way message was not stored");
  });
  const app = createApp({
    broker,
    log,
    clock: systemClock,
    random,
    signer,
    cursorKey: broker.signingKey,
    longPolls,
    background,
    answerMemory: options.answerMemory,
    memory: options.memory,
    inbound: nodeInbound,
    guard,
    openServer: guard ? undefined : new OpenServer([host, ...allowedHosts], cors),
    cors,
  });
  const server = await serveApp(app, {
    host,
    port,
    connectionsMax: options.connectionsMax ?? connectionsMax(),
    answerMemory: options.answerMemory,
    writeTimeoutMs: options.writeTimeoutMs,
    log,
    random,
  });
  return {
    url: server.url,
    async stop(graceMs) {
      longPolls.endAll();
      const finished = await server.stop(graceMs);
      if (!finished) log.warn("requests were cut off at the end of the grace period");
      await background.idle();
      broker.stop();
    },
  };
}

interface Report {
  readonly userLimits?: { readonly open_files?: { readonly soft: number | "unlimited" } };
}

/** Connections that may be open at once, so that the rest of the process has file descriptors left. */
function connectionsMax(): number {
  const { userLimits } = process.report.getReport() as Report;
  const soft = userLimits?.open_files?.soft;
  if (typeof soft !== "number") return CONNECTIONS_MAX;
  return Math.max(CONNECTIONS_MIN, Math.min(CONNECTIONS_MAX, soft - RESERVED));
}
