import { cpSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningBroker } from "../core/create-broker.ts";
import { createSystemRandom } from "../functions/runtime/random.ts";
import { openEmbeddedStores } from "../functions/stores/embedded-stores.ts";
import { startBroker as startBrokerHere } from "../functions/stores/start-broker.ts";
import { jsonBodies } from "./bodies.ts";
import { filesEnding } from "./folder-size.ts";
import type { SendJob } from "./job.ts";
import { peakMemoryDuring } from "./memory.ts";
import type { Options } from "./options.ts";
import { figureRow, jobRow, median, type Row } from "./row.ts";
import { runJob } from "./run-job.ts";
import { put, startBroker, withFolder } from "./servers.ts";

const TOPIC = "rolled";
const QUEUES = 8;
const FILLERS = 256;
const CONCURRENCY = 32;
const ROUNDS = 3;
const WARMUP_SECONDS = 3;
/** The roller begins during this warm-up, so that nothing is rolled while nobody sends. */
const LONG_WARMUP_SECONDS = 8;
const EARLY_MS = 4_000;
const SECONDS = 20;
/** The first pass of a server's roller. */
const FIRST_PASS_MS = 30_000;
/** LevelDB first compacts what was written before. */
const SETTLE_MS = 15_000;
const TARGETS = { rate: 0.85, p99: 2 } as const;

/**
 * Single sends, without and with a backlog of singles that is rolled at the same time. In each round one server does both: on a copy of
 * the same folder, before its roller begins and after. The rows are medians of the rounds.
 */
export function rollingCase(options: Options): Promise<readonly Row[]> {
  const backlog = options.backlog ?? 1_000_000;
  return withFolder(async (filled) => {
    await fillHere(join(filled, "data"), backlog, options);
    const rows: Row[] = [];
    const [rates, p99s]: [number[], number[]] = [[], []];
    for (let round = 1; round <= ROUNDS; round++) {
      const { without, rolling } = await withFolder((folder) => oneRound(filled, folder, options));
      rows.push(without, rolling);
      rates.push(rolling.messagesPerSecond / without.messagesPerSecond);
      p99s.push(rolling.p99Ms / without.p99Ms);
      console.error(`  round ${round}: rate × ${rates.at(-1)?.toFixed(2)}, p99 × ${p99s.at(-1)?.toFixed(2)}`);
    }
    return [
      ...rows,
      figureRow(`rate with over without; target ≥ ${TARGETS.rate}`, median(rates)),
      figureRow(`p99 with over without; target ≤ ${TARGETS.p99}`, median(p99s)),
    ];
  });
}

async function oneRound(filled: string, folder: string, options: Options): Promise<{ without: Row; rolling: Row }> {
  cpSync(join(filled, "data"), join(folder, "data"), { recursive: true });
  const server = await startBroker(folder);
  const startedAt = performance.now();
  try {
    await put(server.url, "/v1/topics/live", { type: "NORMAL", queues: 4 });
    const job: SendJob = {
      kind: "send",
      url: server.url,
      topic: "live",
      batch: 1,
      bodyBytes: options.bodyBytes,
      concurrency: CONCURRENCY,
      until: { seconds: SECONDS, warmupSeconds: WARMUP_SECONDS },
    };
    const before = await peakMemoryDuring(server.pid, () => runJob(job));
    const rolledBefore = segmentsIn(folder);
    await sleep(FIRST_PASS_MS - EARLY_MS - (performance.now() - startedAt));
    const until = { seconds: SECONDS, warmupSeconds: LONG_WARMUP_SECONDS };
    const during = await peakMemoryDuring(server.pid, () => runJob({ ...job, until }));
    const rolled = segmentsIn(folder) - rolledBefore;
    // It goes on rolling if there was something to roll all the time.
    await sleep(SECONDS * 1_000);
    const errors = {
      ...(rolledBefore > 0 && { "segments before the roller was to begin": rolledBefore }),
      ...(rolled === 0 && { "nothing was rolled": 1 }),
      ...(segmentsIn(folder) === rolledBefore + rolled && { "all was rolled before the sends ended": 1 }),
    };
    console.error(`  ${rolled} segments while it was sent`);
    return {
      without: jobRow("singles, nothing to roll", CONCURRENCY, before.result, before),
      rolling: addErrors(jobRow("singles, a backlog of singles is rolled", CONCURRENCY, during.result, during), errors),
    };
  } finally {
    await server.stop();
  }
}

const segmentsIn = (folder: string): number => filesEnding(join(folder, "data", "objects"), ".seg@");
const addErrors = (row: Row, errors: Row["errors"]): Row => ({ ...row, errors: { ...row.errors, ...errors } });

/** Sends without a roller. */
async function fillHere(data: string, messages: number, { bodyBytes }: Options): Promise<void> {
  const stores = await openEmbeddedStores(data);
  const broker = await startBrokerHere(stores, { random: createSystemRandom() });
  try {
    await broker.putTopic(TOPIC, { type: "NORMAL", queues: QUEUES });
    const bodies = jsonBodies(FILLERS, bodyBytes).map((text) => Buffer.from(text));
    let left = messages;
    await Promise.all(bodies.map((body) => sendWhile(broker, body, () => left-- > 0)));
    await sleep(SETTLE_MS);
  } finally {
    broker.stop();
    await stores.close();
  }
}

async function sendWhile(broker: RunningBroker, body: Uint8Array, goesOn: () => boolean): Promise<void> {
  while (goesOn()) for (const receipt of await broker.sendMessages(TOPIC, [{ body }])) if (!("offset" in receipt)) throw receipt;
}
