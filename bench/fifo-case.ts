import type { JobResult } from "./job.ts";
import { peakMemoryDuring } from "./memory.ts";
import type { Options } from "./options.ts";
import { consumeJob, fill, subscribe } from "./preload.ts";
import { jobRow, type Row } from "./row.ts";
import { runJob } from "./run-job.ts";
import { put, withBroker } from "./servers.ts";

const TOPIC = "bench";
const QUEUES = 8;
const CONSUMERS = 32;
const MESSAGE_GROUPS = 1_000;

/** A FIFO topic right after a NORMAL one. The ratio is that of their rates. */
export async function fifoCase(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const concurrency of options.concurrency ?? [CONSUMERS]) {
    const normal = await consumed("NORMAL", concurrency, options);
    const fifo = await consumed("FIFO", concurrency, options);
    const ratio = rateOf(fifo.result) / rateOf(normal.result);
    rows.push(jobRow("receive + ack of NORMAL", concurrency, normal.result, normal));
    rows.push(jobRow(`receive + ack of FIFO, ${MESSAGE_GROUPS} groups`, concurrency, fifo.result, { ...fifo, ratio }));
  }
  return rows;
}

const consumed = (
  type: "NORMAL" | "FIFO",
  concurrency: number,
  options: Options,
): Promise<{ readonly result: JobResult; readonly rssAnonMb: number }> =>
  withBroker(async ({ url, pid }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type, queues: QUEUES });
    await subscribe(url, "reader", TOPIC, "earliest");
    await fill(url, TOPIC, options.messages, options, type === "FIFO" ? { messageGroups: MESSAGE_GROUPS } : {});
    return peakMemoryDuring(pid, () => runJob({ ...consumeJob(["reader"], options.messages, concurrency), url }));
  });

const rateOf = ({ messages, seconds }: JobResult): number => messages / seconds;
