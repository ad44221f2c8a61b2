import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Apogee } from "../../../client/apogee.ts";
import { ApogeeError } from "../../../client/apogee-error.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { freePort, type ServerProcess, startServer } from "../../support/server/server-process.ts";
import type { CrashRunResult, CrashRunSettings } from "../crash-run.ts";
import { auditClient, type ClientViolation } from "./audit.ts";
import type { ClientHistory, HandlerFact } from "./facts.ts";

const TOPIC = "crash";
const GROUP = "workers";
const QUEUES = 4;
const WORKER_PROGRAM = "test/crash/client/worker-program.ts";
const LEASE_SECONDS = 3;
const WORKERS = 2;
const SINGLE_CALLERS = 4;
const LINGER_CALLERS = 8;
const MESSAGE_GROUPS = 6;
const DRAIN_MS_MAX = 120_000;

export interface ClientCrashResult extends Omit<CrashRunResult, "violations"> {
  readonly violations: readonly ClientViolation[];
}

export interface WorkerProcess {
  readonly number: number;
  kill(): Promise<void>;
}

/**
 * Producers in this process, workers in others, and a server; each round kills the server or the workers, and starts them again. Nobody is
 * told: the clients go on by themselves.
 */
export async function runClientCrashes({ rounds, seed, loadMs, report }: CrashRunSettings): Promise<ClientCrashResult> {
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "crash-"));
  const history: ClientHistory = { sends: [], handlers: [], stored: [], numbered: 0, killedAtMs: new Map() };
  const random = new SeededRandom(seed);
  const restartMs: number[] = [];
  const port = await freePort();
  const boot = (): Promise<ServerProcess> =>
    startServer({ dataDir: join(folder, "data"), port, logFile: join(folder, "server.log"), startMsMax: 20_000 });
  let server = await boot();
  let workers: WorkerProcess[] = [];
  const startWorkers = (): void => {
    workers = Array.from({ length: WORKERS }, () => startWorker(WORKER_PROGRAM, [server.url, GROUP], history));
  };
  try {
    const apogee = new Apogee({ endpoint: server.url, fetch: noting(history) });
    await apogee.topic(TOPIC).put({ type: "MIXED", queues: QUEUES });
    await apogee.group(GROUP).put({ leaseSeconds: LEASE_SECONDS, maxAttempts: 1_000, backoff: [0] });
    await apogee.group(GROUP).subscribe(TOPIC, { startFrom: "earliest" });
    startWorkers();
    const stopping = new AbortController();
    const producing = produce(apogee, history, random, stopping.signal);
    for (let round = 1; round <= rounds; round++) {
      const ms = random.integer(loadMs.min, loadMs.max);
      await sleep(ms);
      const isServer = random.integer(0, 1) === 0;
      if (isServer) {
        await server.kill();
        server = await boot();
        restartMs.push(server.startMs);
      } else {
        await Promise.all(workers.map((worker) => worker.kill()));
        startWorkers();
      }
      report(
        `round ${round}: killed the ${isServer ? "server" : "workers"} after ${ms} ms; ${history.sends.length} sends so far`,
      );
    }
    stopping.abort();
    await producing;
    await untilDrained(apogee);
    for await (const message of apogee.topic(TOPIC).read()) {
      const { messageId, messageGroup, queueId, offset } = message;
      history.stored.push({ body: message.text(), messageId, messageGroup, queueId, offset: Number(offset) });
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.kill()));
    await server.stop();
  }
  const violations = auditClient(history);
  if (violations.length === 0) rmSync(folder, { recursive: true });
  return { violations, counts: countsOf(history), restartMs, folder };
}

/** Notes which entries of batches have numbers. */
const noting =
  (history: ClientHistory): typeof fetch =>
  (input, init) => {
    const { entries = [] } = JSON.parse(String(init?.body ?? "{}")) as { entries?: readonly { sequence?: number }[] };
    history.numbered += entries.filter(({ sequence }) => sequence !== undefined).length;
    return fetch(input, init);
  };

/** A program that handles messages and says so, in lines. */
export function startWorker(program: string, args: readonly string[], { handlers, killedAtMs }: ClientHistory): WorkerProcess {
  const child = spawn(process.execPath, ["--import", "tsx", resolve(program), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const number = child.pid ?? 0;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    handlers.push({ process: number, ...(JSON.parse(line) as Omit<HandlerFact, "process">) });
  });
  const read = new Promise<void>((done) => lines.once("close", () => done()));
  return {
    number,
    async kill() {
      child.kill("SIGKILL");
      await read;
      killedAtMs.set(number, Date.now());
    },
  };
}

/**
 * Each caller sends the next message when the last is answered, or has failed for good. Of the linger producers one gets no message groups,
 * so that its batches are numbered.
 */
async function produce(apogee: Apogee, { sends }: ClientHistory, random: SeededRandom, signal: AbortSignal): Promise<void> {
  const topic = apogee.topic(TOPIC);
  const producer = topic.producer({ lingerMs: 2 });
  const ungrouped = topic.producer({ lingerMs: 2 });
  let made = 0;
  const caller = async (sender: Pick<typeof topic, "send">): Promise<void> => {
    const isGrouped = sender !== ungrouped;
    while (!signal.aborted) {
      const body = `message ${made++}`;
      const messageGroup = !isGrouped || made % 2 === 0 ? null : `group-${random.integer(1, MESSAGE_GROUPS)}`;
      const options = messageGroup === null ? {} : { messageGroup };
      const outcome = await sender.send(body, options).then(
        ({ messageId }) => ({ messageId, error: undefined, effect: undefined }),
        (reason: unknown) => ({
          messageId: undefined,
          error: String(reason),
          effect: ApogeeError.is(reason) ? reason.effect : undefined,
        }),
      );
      sends.push({ body, messageGroup, ...outcome });
      await sleep(5);
    }
  };
  await Promise.all([
    ...Array.from({ length: SINGLE_CALLERS }, () => caller(topic)),
    ...Array.from({ length: LINGER_CALLERS }, (_, at) => caller(at % 2 === 0 ? producer : ungrouped)),
  ]);
}

/** Waits until the group has settled all, or for two minutes. */
export async function untilDrained(apogee: Apogee, group = GROUP): Promise<void> {
  const endsAt = Date.now() + DRAIN_MS_MAX;
  while (Date.now() < endsAt) {
    const { lag } = await apogee.group(group).lag();
    if (lag === 0) return;
    await sleep(100);
  }
}

export function countsOf({ sends, handlers, stored, numbered }: ClientHistory): Record<string, number> {
  const counts: Record<string, number> = { sent: sends.length, stored: stored.length, numbered };
  for (const { error, effect } of sends) {
    if (error === undefined) continue;
    const kind = effect === "none" ? "sendFailed" : "sendUnknown";
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  for (const { kind } of handlers) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
