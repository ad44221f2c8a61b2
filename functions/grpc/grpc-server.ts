import { setMaxListeners } from "node:events";
import { createServer, type Socket } from "node:net";
import { type ConnectionInjector, Server, ServerCredentials } from "@grpc/grpc-js";
import type { RunningBroker } from "../../core/create-broker.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { AnswerMemory } from "../http/bounds/answer-memory.ts";
import type { RequestMemory } from "../http/bounds/request-memory.ts";
import { lazily } from "../runtime/lazily.ts";
import type { Log } from "../runtime/log.ts";
import { BOUNDED_SERVICE } from "./bounded-requests.ts";
import type { Certificate } from "./certificate.ts";
import { HealthService } from "./generated/grpc/health/v1/health.ts";
import { Handlers } from "./handlers.ts";
import { healthService } from "./health.ts";
import { injectorOf } from "./long-deadlines.ts";
import { PushPolls } from "./push-polls.ts";
import { RecentSends } from "./recent-sends.ts";
import { Renewals } from "./renewals.ts";
import { messagingService } from "./service.ts";
import type { GrpcOptions } from "./serving.ts";
import { Sessions } from "./sessions.ts";
import { TransactionChecks } from "./transaction-checks.ts";

/** A body of 4 MiB, its properties, and what is around them. */
const RECEIVED_BYTES_MAX = 6 * 1_024 * 1_024;
/** Calls of one connection at once: a client has a stream, a poll for each topic, and what it sends. */
const STREAMS_MAX = 256;
const CONNECTIONS_MAX = 10_000;
const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** How long a new connection may say nothing. */
const SILENT_MS_MAX = 10_000;
/** The first byte of a TLS handshake. HTTP/2 without TLS begins with PRI. */
const TLS_HANDSHAKE = 0x16;

export interface GrpcServerOptions extends GrpcOptions {
  readonly broker: RunningBroker;
  readonly clock: Clock;
  readonly log: Log;
  readonly memory: RequestMemory;
  /** The same one that the broker reads by. */
  readonly answerMemory: AnswerMemory;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Absent: one is made when the first client encrypts. */
  readonly certificate: Certificate | undefined;
  readonly onFailure: (error: unknown) => void;
}

export interface GrpcServer {
  readonly port: number;
  /** Ends polls and streams, and lets other calls finish for `graceMs`. Afterwards nothing uses the broker. */
  stop(graceMs: number): Promise<void>;
}

/** Serves RocketMQ's clients, with TLS and without on one port. Errors: what listening fails with, such as EADDRINUSE. */
export async function serveGrpc(options: GrpcServerOptions): Promise<GrpcServer> {
  const { broker, clock, log, memory, answerMemory, onFailure } = options;
  const stopping = new AbortController();
  // Whoever watches its health listens to it.
  setMaxListeners(0, stopping.signal);
  const renewals = new Renewals(broker, clock, onFailure);
  const checks = new TransactionChecks(broker, clock, onFailure);
  const sessions = new Sessions(clock, (session) => {
    renewals.forget(session);
    checks.remove(session);
  });
  const pushPolls = new PushPolls(options.shortPolls);
  const parts = { sessions, renewals, checks, pushPolls, recentSends: new RecentSends() };
  const serving = { broker, clock, log, memory, answerMemory, options, ...parts };
  const handlers = new Handlers(
    serving,
    (call) => call.getAuthContext().transportSecurityType !== undefined || isLoopback(call.getPeer()),
  );

  const server = new Server({
    "grpc.max_receive_message_length": RECEIVED_BYTES_MAX,
    "grpc.max_send_message_length": RECEIVED_BYTES_MAX,
    "grpc.max_concurrent_streams": STREAMS_MAX,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc.enable_channelz": 0,
  });
  server.addService(BOUNDED_SERVICE, messagingService(serving, handlers));
  server.addService(HealthService, healthService(stopping.signal));
  const plain = injectorOf(server, ServerCredentials.createInsecure());
  const tls = lazily(async () => {
    const { cert, key } = options.certificate ?? (await madeCertificate(clock));
    return injectorOf(server, ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]));
  });
  const listener = createServer({ noDelay: true }, (socket) =>
    admit(socket, (encrypted) => (encrypted ? tls() : Promise.resolve(plain))),
  );
  listener.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(options.port, options.host, () => {
      listener.off("error", reject);
      resolve();
    });
  });
  listener.on("error", onFailure);
  const address = listener.address();
  const kept = Promise.all([sessions.keepSwept(stopping.signal), renewals.keepRenewing(stopping.signal)]);
  return {
    port: typeof address === "object" && address ? address.port : options.port,
    async stop(graceMs) {
      listener.close();
      stopping.abort();
      for (const session of sessions.all()) session.endPolls();
      await checks.stop();
      for (const session of sessions.all()) session.endStreams();
      const drained = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      await Promise.race([drained, clock.sleep(graceMs)]);
      server.forceShutdown();
      await Promise.all([kept, handlers.idle()]);
    },
  };
}

async function madeCertificate(clock: Clock): Promise<Certificate> {
  const { makeCertificate } = await import("./made-certificate.ts");
  return makeCertificate(clock.nowMs());
}

/** Looks at the first byte: TLS or not. */
function admit(socket: Socket, injectorFor: (encrypted: boolean) => Promise<ConnectionInjector>): void {
  const drop = () => socket.destroy();
  socket.setTimeout(SILENT_MS_MAX, drop);
  socket.on("error", drop);
  socket.once("data", (first: Buffer) => {
    socket.setTimeout(0);
    socket.off("timeout", drop);
    socket.pause();
    socket.unshift(first);
    injectorFor(first[0] === TLS_HANDSHAKE)
      .then((injector) => socket.destroyed || injector.injectConnection(socket))
      .catch(drop);
  });
}

const isLoopback = (peer: string): boolean => /^(?:\[?(?:::ffff:)?127\.|\[?::1\]?:|unix:)/.test(peer);
