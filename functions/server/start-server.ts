import type { RunningBroker } from "../../core/create-broker.ts";
import type { GrpcServer } from "../grpc/grpc-server.ts";
import type { GrpcSurroundings } from "../grpc/start-grpc-server.ts";
import { ApiKeyGuard } from "../http/access/api-key-guard.ts";
import { AnswerMemory } from "../http/bounds/answer-memory.ts";
import { RequestMemory } from "../http/bounds/request-memory.ts";
import { serveBroker } from "../http/node/serve-broker.ts";
import { OPEN_DOCUMENTATION_PATHS } from "../http/routes/documentation.ts";
import { systemClock } from "../runtime/clock.ts";
import { createEventLog } from "../runtime/event-log.ts";
import { createGaugeLog, createRollGaugeLog } from "../runtime/gauge-log.ts";
import { grpcPortOf } from "../runtime/grpc-settings.ts";
import type { Log } from "../runtime/log.ts";
import { createSystemRandom } from "../runtime/random.ts";
import { isRefusedForRoom } from "../runtime/refused-for-room.ts";
import { awsPlaceOf, type ServerSettings } from "../runtime/server-settings.ts";
import { hmacSigner } from "../runtime/signer.ts";
import { SpareTime } from "../runtime/spare-time.ts";
import { startSweeper } from "../runtime/sweeper.ts";
import type { BrokerStores } from "../stores/broker-stores.ts";
import { startBroker } from "../stores/start-broker.ts";
import { openWebhooks } from "../webhooks/open-webhooks.ts";

const MIB = 1_024 * 1_024;
/** How long maintenance runs before it checks again whether the server is stopping. */
const MAINTENANCE_STEP_MS = 1_000;

/** Load balancers and supervisors request the first two without a key. */
const OPEN_PATHS = ["/healthz", "/readyz", ...OPEN_DOCUMENTATION_PATHS];

export interface Server {
  readonly url: string;
  /** Where RocketMQ's clients are served, if they are. */
  readonly grpcAddress: string | undefined;
  /** Requests in flight get `graceMs` to finish. */
  stop(graceMs: number): Promise<void>;
}

/**
 * The broker over the configured store, and HTTP, in one process. Errors: `StartFailure`, `InvalidSetting`, those of the store and of
 * listening.
 */
export async function startServer(settings: ServerSettings, log: Log): Promise<Server> {
  const stores = await openStores(settings, log);
  const random = createSystemRandom();
  const onFailure = (error: unknown) => {
    if (!isRefusedForRoom(error)) log.error({ err: error }, "work in the background failed; it is tried again");
  };
  const events = createEventLog(log);
  const reading = new AnswerMemory(settings.answerMemoryMib * MIB);
  const onGauges = createGaugeLog(log);
  const background = new SpareTime();
  const logRollGauges = createRollGaugeLog(log);
  const { timerShards } = settings;
  const broker = await startBroker(stores, {
    random,
    events,
    reading,
    background,
    onFailure,
    onGauges,
    onRollGauges(gauges) {
      background.leaves(gauges.unrolledBytes);
      logRollGauges(gauges);
    },
    timerShards,
    ...openWebhooks(settings),
  });
  try {
    const { host, port, apiKeys, allowedHosts, corsOrigins } = settings;
    const memory = new RequestMemory(settings.requestMemoryMib * MIB);
    const server = await serveBroker({
      broker,
      log,
      random,
      signer: hmacSigner,
      host,
      port,
      memory,
      answerMemory: reading,
      guard: apiKeys.length === 0 ? undefined : ApiKeyGuard.ofKeys(apiKeys, OPEN_PATHS),
      allowedHosts,
      corsOrigins,
    });
    const grpc = await startGrpc(settings, { broker, log, memory, answerMemory: reading, onFailure }).catch(
      async (error: unknown) => {
        await server.stop(0);
        throw error;
      },
    );
    const sweeper = startSweeper("maintenance", (signal) => maintain(broker, stores, signal), log);
    const stopping = new AbortController();
    const { disk } = stores;
    const keptGoing = Promise.all([
      broker.keepGoing(stopping.signal),
      disk && broker.keepRolling(stopping.signal, (blocks) => disk.reclaim(blocks)),
    ]);
    return {
      url: server.url,
      grpcAddress: grpc && `${host}:${grpc.port}`,
      async stop(graceMs) {
        stopping.abort();
        // Its calls use the broker, whose long polls end with HTTP's server.
        await Promise.all([grpc?.stop(graceMs), server.stop(graceMs), sweeper.stop(), keptGoing]);
        events.flush();
        await stores.close();
      },
    };
  } catch (error) {
    await stores.close();
    throw error;
  }
}

/** RocketMQ's clients are served only if a setting says so, and their library is loaded only then. */
async function startGrpc(settings: ServerSettings, surroundings: GrpcSurroundings): Promise<GrpcServer | undefined> {
  if (grpcPortOf(settings) === undefined) return undefined;
  const { startGrpcServer } = await import("../grpc/start-grpc-server.ts");
  return startGrpcServer(settings, surroundings);
}

/** Removes what has expired and what deletions left behind. */
async function maintain(broker: RunningBroker, stores: BrokerStores, signal: AbortSignal): Promise<void> {
  if (stores.disk) {
    await stores.disk.sweep(signal);
    await broker.dropExpired(signal, stores.disk.reclaim);
  }
  let complete = signal.aborted;
  while (!complete) {
    const report = await broker.maintain({ untilMs: systemClock.nowMs() + MAINTENANCE_STEP_MS });
    complete = report.complete || signal.aborted;
  }
}

/** Each store's libraries are loaded only if it is used: they are most of what a start reads. */
async function openStores(settings: ServerSettings, log: Log): Promise<BrokerStores> {
  if (settings.store === "embedded") {
    const { openEmbeddedStores } = await import("../stores/embedded-stores.ts");
    const { dataDirectory, acceptDataLoss } = settings;
    return openEmbeddedStores(dataDirectory, { acceptDataLoss, report: (line) => log.warn(line) });
  }
  const place = awsPlaceOf(settings);
  const { openAwsStores } = await import("../stores/aws-stores.ts");
  return openAwsStores(place);
}
