import type { LingerOptions } from "../client/linger-producer.ts";
import type { ClientJob, ClientResult } from "./client-job.ts";
import type { Options } from "./options.ts";
import { consumeJob, fill, subscribe } from "./preload.ts";
import { figureRow, jobRow, type Row, rateRow } from "./row.ts";
import { runClientJob, runJob } from "./run-job.ts";
import { put, withBroker } from "./servers.ts";

const CONCURRENCY = 32;
const TOPIC = "bench";
const SENT = 40_000;
/** Callers that wait for each answer are answered together, and send again in the same turn. */
const LINGER: LingerOptions = { lingerMs: 0, maxMessages: 32 };

/** A worker beside the same number of raw loops of receive and ack, on the same messages in turn. */
export function workerCase(options: Options): Promise<readonly Row[]> {
  return withBroker(async ({ url }) => {
    const { messages } = options;
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: 8 });
    for (const group of ["raw", "client"]) await subscribe(url, group, TOPIC, "earliest");
    await fill(url, TOPIC, messages, options);
    const raw = await runJob({ ...consumeJob(["raw"], messages, CONCURRENCY), url });
    const client = await runClientJob({ kind: "worker", url, group: "client", messages, concurrency: CONCURRENCY });
    return [
      jobRow("raw loops of receive(32) + ack", CONCURRENCY, raw),
      clientRow("a worker of the client", client, client.messages / client.seconds / (raw.messages / raw.seconds)),
      memoryRow(client),
    ];
  });
}

/** Callers of single sends, and of a linger producer. */
export function lingerCase({ bodyBytes }: Options): Promise<readonly Row[]> {
  return withBroker(async ({ url }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: 8 });
    const job: ClientJob = { kind: "send", url, topic: TOPIC, bodyBytes, messages: SENT, concurrency: CONCURRENCY };
    const single = await runClientJob(job);
    const linger = await runClientJob({ ...job, messages: SENT * 5, linger: LINGER });
    return [
      clientRow("single sends of the client", single),
      clientRow("a linger producer", linger, linger.messages / linger.seconds / (single.messages / single.seconds)),
      memoryRow(linger),
    ];
  });
}

function clientRow(name: string, { messages, seconds, errors }: ClientResult, ratio = Number.NaN): Row {
  return { ...rateRow(name, CONCURRENCY, messages / seconds), ratio, errors };
}

/** How much larger the program was at the end than when a fifth was done. */
const memoryRow = ({ rssMb }: ClientResult): Row =>
  figureRow("memory of the program, at the end by at a fifth", rssMb.end / rssMb.early, { rssAnonMb: rssMb.end });
