import { peakMemoryDuring } from "./memory.ts";
import type { Options } from "./options.ts";
import { consumeJob, fill, subscribe } from "./preload.ts";
import { jobRow, type Row } from "./row.ts";
import { runJob } from "./run-job.ts";
import { put, withBroker } from "./servers.ts";

const TOPIC = "bench";
const QUEUES = 8;
const CONSUMERS = 50;

/** Many consumers of one group on few queues. The ratio: what the best served got, divided by what the worst served got. */
export async function fairCase(options: Options): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const concurrency of options.concurrency ?? [CONSUMERS]) {
    rows.push(
      await withBroker(async ({ url, pid }) => {
        await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: QUEUES });
        await subscribe(url, "reader", TOPIC, "earliest");
        await fill(url, TOPIC, options.messages, options);
        const job = { ...consumeJob(["reader"], options.messages, concurrency), url };
        const { result, rssAnonMb } = await peakMemoryDuring(pid, () => runJob(job));
        const ratio = Math.max(...result.byWorker) / Math.min(...result.byWorker);
        return jobRow("shares of consumers, most over least", concurrency, result, { rssAnonMb, ratio });
      }),
    );
  }
  return rows;
}
