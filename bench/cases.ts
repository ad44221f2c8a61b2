import { setTimeout as sleep } from "node:timers/promises";
import type { ServerProcess } from "../test/support/server/server-process.ts";
import { lingerCase, workerCase } from "./client-cases.ts";
import { fairCase } from "./fair-case.ts";
import { fifoCase } from "./fifo-case.ts";
import { grpcCase, grpcIdleCase } from "./grpc-case.ts";
import type { SendJob } from "./job.ts";
import { peakMemoryDuring } from "./memory.ts";
import { nackCase } from "./nack-case.ts";
import type { Options } from "./options.ts";
import { BATCH, consumeJob, fill, RECEIVE_MAX, subscribe } from "./preload.ts";
import { rollingCase } from "./rolling-case.ts";
import { jobRow, type Row, startRow } from "./row.ts";
import { runJob } from "./run-job.ts";
import { scanCase } from "./scan-case.ts";
import { segmentsCase } from "./segments-case.ts";
import { put, startBroker, withBroker, withFolder, withNullServer } from "./servers.ts";
import { pendingCase, timersCase } from "./timer-cases.ts";

const TOPIC = "bench";
const CONSUME_CONCURRENCIES = [8, 32] as const;
const BACKLOG_CONCURRENCY = 8;
const ONCE_CONSUMERS = 50;
const ONCE_MESSAGES = 20_000;
/** Messages read at each end of the backlog, by this many groups in turn: with one group it would be over too soon to measure. */
const END_MESSAGES = 1_000;
const END_GROUPS = 20;
const WARMUP_GROUPS = 5;

/** The cases by their name in --case. Each repeat starts a new server on an empty folder. */
export const CASES = {
  start: startCase,
  send: sendCase,
  batch: batchCase,
  consume: consumeCase,
  once: onceCase,
  fifo: fifoCase,
  scan: scanCase,
  fair: fairCase,
  nack: nackCase,
  timers: timersCase,
  pending: pendingCase,
  backlog: backlogCase,
  segments: segmentsCase,
  rolling: rollingCase,
  worker: workerCase,
  linger: lingerCase,
  grpc: grpcCase,
  "grpc-idle": grpcIdleCase,
} as const satisfies Record<string, (options: Options) => Promise<readonly Row[]>>;

async function startCase(): Promise<readonly Row[]> {
  const timeStart = (command?: readonly string[]): Promise<number> =>
    withFolder(async (folder) => {
      const server = await startBroker(folder, command && { command });
      await server.stop();
      return server.startMs;
    });
  return [
    startRow("start: node dist/local.mjs", await timeStart()),
    startRow("start: npm start", await timeStart(["npm", "start"])),
  ];
}

async function sendCase(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const concurrency of options.concurrency ?? [1, 32, 128]) {
    rows.push(await timedSend("send", concurrency, 1, 4, options));
  }
  return rows;
}

async function batchCase(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const concurrency of options.concurrency ?? [4, 8]) {
    rows.push(await timedSend(`send batches of ${BATCH}`, concurrency, BATCH, 8, options));
  }
  return rows;
}

async function timedSend(name: string, concurrency: number, batch: number, queues: number, options: Options): Promise<Row> {
  const { bodyBytes } = options;
  const until = { seconds: options.seconds, warmupSeconds: Math.min(2, options.seconds) };
  const job: Omit<SendJob, "url"> = { kind: "send", topic: TOPIC, batch, bodyBytes, concurrency, until };
  const nullResult = await withNullServer({ batch, bodyBytes }, (url) => runJob({ ...job, url }));
  return withBroker(async ({ url, pid }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues });
    const { result, rssAnonMb } = await peakMemoryDuring(pid, () => runJob({ ...job, url }));
    return jobRow(name, concurrency, result, { rssAnonMb, nullResult });
  });
}

async function consumePreloaded(name: string, messages: number, concurrency: number, options: Options): Promise<readonly Row[]> {
  const job = consumeJob(["reader"], messages, concurrency);
  const nullResult = await withNullServer({ batch: BATCH, bodyBytes: options.bodyBytes }, (url) =>
    runJob({ ...job, url, once: false }),
  );
  return withBroker(async ({ url, pid }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: 8 });
    await subscribe(url, "reader", TOPIC, "earliest");
    await fill(url, TOPIC, messages, options);
    const { result, rssAnonMb } = await peakMemoryDuring(pid, () => runJob({ ...job, url }));
    return [jobRow(name, concurrency, result, { rssAnonMb, nullResult })];
  });
}

async function consumeCase(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const concurrency of options.concurrency ?? CONSUME_CONCURRENCIES) {
    rows.push(...(await consumePreloaded(`receive(${RECEIVE_MAX}) + ack`, options.messages, concurrency, options)));
  }
  return rows;
}

/** Many consumers of one group on few queues: the generator counts any message that comes twice as an error. */
function onceCase(options: Options): Promise<readonly Row[]> {
  return consumePreloaded(`each of ${ONCE_MESSAGES.toLocaleString("en-US")} once`, ONCE_MESSAGES, ONCE_CONSUMERS, options);
}

function backlogCase(options: Options): Promise<readonly Row[]> {
  return withFolder(async (folder) => {
    const backlog = options.backlog ?? 1_000_000;
    const name = backlog.toLocaleString("en-US");
    let server = await startBroker(folder);
    try {
      const rows: Row[] = [];
      rows.push(await readEnd(server, "small", `receive + ack of a log of ${END_MESSAGES}`, options, "earliest"));

      await put(server.url, "/v1/topics/backlog", { type: "NORMAL", queues: 8 });
      await subscribe(server.url, "all", "backlog", "earliest");
      const written = await peakMemoryDuring(server.pid, () => fill(server.url, "backlog", backlog - END_MESSAGES, options));
      rows.push(jobRow(`write ${name}`, 8, written.result, written));
      rows.push(await readEnd(server, "backlog", `receive + ack at the tail of ${name}`, options, "now"));
      const read = await peakMemoryDuring(server.pid, () =>
        runJob({ ...consumeJob(["all"], backlog, BACKLOG_CONCURRENCY), url: server.url }),
      );
      rows.push(jobRow(`receive + ack ${name}`, BACKLOG_CONCURRENCY, read.result, read));

      await server.kill();
      server = await startBroker(folder);
      rows.push(startRow(`restart after kill -9 with ${name}`, server.startMs));
      return rows;
    } finally {
      await server.stop();
    }
  });
}

/** Sends the last messages of a topic and reads them with many groups in turn, each of which starts exactly there. */
async function readEnd(
  server: ServerProcess,
  topic: string,
  name: string,
  options: Options,
  start: "earliest" | "now",
): Promise<Row> {
  const { url, pid } = server;
  if (start === "earliest") await put(url, `/v1/topics/${topic}`, { type: "NORMAL", queues: 8 });
  // Store times are whole milliseconds: what was stored before must be strictly older.
  await sleep(50);
  const startFrom = start === "earliest" ? start : { timestamp: Date.now() };
  await sleep(50);
  await fill(url, topic, END_MESSAGES, options, { concurrency: 1 });
  const groups = Array.from({ length: WARMUP_GROUPS + END_GROUPS }, (_, index) => `${topic}-end-${index}`);
  for (const group of groups) await subscribe(url, group, topic, startFrom);
  await runJob({ ...consumeJob(groups.slice(0, WARMUP_GROUPS), WARMUP_GROUPS * END_MESSAGES, BACKLOG_CONCURRENCY), url });
  const { result, rssAnonMb } = await peakMemoryDuring(pid, () =>
    runJob({ ...consumeJob(groups.slice(WARMUP_GROUPS), END_GROUPS * END_MESSAGES, BACKLOG_CONCURRENCY), url }),
  );
  return jobRow(name, BACKLOG_CONCURRENCY, result, { rssAnonMb });
}
