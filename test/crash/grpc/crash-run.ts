import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Producer } from "rocketmq-client-nodejs";
import { Apogee } from "../../../client/apogee.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { freePort, type ServerProcess, startServer } from "../../support/server/server-process.ts";
import { auditClient } from "../client/audit.ts";
import { type ClientCrashResult, countsOf, startWorker, untilDrained, type WorkerProcess } from "../client/crash-run.ts";
import type { ClientHistory } from "../client/facts.ts";
import type { CrashRunSettings } from "../crash-run.ts";
import { QUIET } from "./quiet.ts";

const TOPIC = "crash";
const GROUP = "pushed";
const QUEUES = 4;
const CONSUMERS = 2;
const CALLERS = 8;
const MAX_ATTEMPTS_OF_A_SEND = 5;

/**
 * A producer of RocketMQ's Node.js client in this process, push consumers of it in others, and a server; each round kills the server, or every
 * third the consumers, and starts them again. Clients connect again by themselves.
 */
export async function runGrpcCrashes({ rounds, seed, loadMs, report }: CrashRunSettings): Promise<ClientCrashResult> {
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "crash-"));
  const history: ClientHistory = { sends: [], handlers: [], stored: [], numbered: 0, killedAtMs: new Map() };
  const random = new SeededRandom(seed);
  const restartMs: number[] = [];
  const [port, grpcPort] = [await freePort(), await freePort()];
  const environment = { GRPC_PORT: String(grpcPort) };
  const boot = (): Promise<ServerProcess> =>
    startServer({ dataDir: join(folder, "data"), port, logFile: join(folder, "server.log"), startMsMax: 20_000, environment });
  let server = await boot();
  const endpoints = `127.0.0.1:${grpcPort}`;
  let consumers: WorkerProcess[] = [];
  const startConsumers = (): void => {
    const program = "test/crash/grpc/push-program.ts";
    consumers = Array.from({ length: CONSUMERS }, () => startWorker(program, [endpoints, GROUP, TOPIC], history));
  };
  const producer = new Producer({ endpoints, namespace: "", topic: TOPIC, maxAttempts: MAX_ATTEMPTS_OF_A_SEND, logger: QUIET });
  try {
    const apogee = new Apogee({ endpoint: server.url });
    await apogee.topic(TOPIC).put({ type: "NORMAL", queues: QUEUES });
    await apogee.group(GROUP).put({ maxAttempts: 1_000, backoff: [0] });
    await apogee.group(GROUP).subscribe(TOPIC, { startFrom: "earliest" });
    await producer.startup();
    startConsumers();
    const stopping = new AbortController();
    const producing = produce(producer, history, stopping.signal);
    for (let round = 1; round <= rounds; round++) {
      const ms = random.integer(loadMs.min, loadMs.max);
      await sleep(ms);
      const isServer = round % 3 !== 0;
      if (isServer) {
        await server.kill();
        server = await boot();
        restartMs.push(server.startMs);
      } else {
        await Promise.all(consumers.map((consumer) => consumer.kill()));
        startConsumers();
      }
      report(
        `round ${round}: killed the ${isServer ? "server" : "consumers"} after ${ms} ms; ${history.sends.length} sends so far`,
      );
    }
    // Clients come back within seconds, and have more to do then.
    await sleep(loadMs.max);
    stopping.abort();
    await producing;
    await untilDrained(apogee, GROUP);
    for await (const message of apogee.topic(TOPIC).read()) {
      const { messageId, messageGroup, queueId, offset } = message;
      history.stored.push({ body: message.text(), messageId, messageGroup, queueId, offset: Number(offset) });
    }
  } finally {
    await Promise.all(consumers.map((consumer) => consumer.kill()));
    await producer.shutdown().catch(() => undefined);
    await server.stop();
  }
  const violations = auditClient(history);
  if (violations.length === 0) rmSync(folder, { recursive: true });
  return { violations, counts: countsOf(history), restartMs, folder };
}

/** Each caller sends the next message when the last is answered, or has failed for good. */
async function produce(producer: Producer, { sends }: ClientHistory, signal: AbortSignal): Promise<void> {
  let made = 0;
  const caller = async (): Promise<void> => {
    while (!signal.aborted) {
      const body = `message ${made++}`;
      const outcome = await producer.send({ topic: TOPIC, body: Buffer.from(body) }).then(
        ({ messageId }) => ({ messageId, error: undefined }),
        (reason: unknown) => ({ messageId: undefined, error: String(reason) }),
      );
      // RocketMQ's clients do not say whether a failed send changed anything.
      sends.push({ body, messageGroup: null, effect: undefined, ...outcome });
      await sleep(5);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}
