// Programs that use the client, in a process of their own. Takes one job, answers one result.
import { performance } from "node:perf_hooks";
import { Apogee } from "../client/apogee.ts";
import { jsonBodies } from "./bodies.ts";
import type { ClientJob, ClientResult, ClientSendJob, WorkerJob } from "./client-job.ts";

const DIFFERENT_BODIES = 64;

class Progress {
  readonly #job: ClientJob;
  readonly #errors: Record<string, number> = {};
  readonly #startedAt = performance.now();
  #earlyMb = Number.NaN;
  messages = 0;

  constructor(job: ClientJob) {
    this.#job = job;
  }

  count(): void {
    this.messages += 1;
    if (this.messages === Math.floor(this.#job.messages / 5)) this.#earlyMb = rssMb();
  }

  countError(error: unknown): void {
    const what = String(error).slice(0, 200);
    this.#errors[what] = (this.#errors[what] ?? 0) + 1;
  }

  end(): ClientResult {
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    return { messages: this.messages, seconds, errors: this.#errors, rssMb: { early: this.#earlyMb, end: rssMb() } };
  }
}

const rssMb = (): number => process.memoryUsage.rss() / 1_048_576;

async function work(job: WorkerJob): Promise<ClientResult> {
  const progress = new Progress(job);
  const seen = new Set<string>();
  const stopping = new AbortController();
  await new Apogee({ endpoint: job.url }).consumer(job.group).run(
    ({ queueId, offset, attempt }) => {
      const place = `${queueId}/${offset}`;
      // So many places would be memory of the measurement.
      if (job.messages <= 200_000) {
        if (seen.has(place) || attempt !== 1) progress.countError("messages delivered more than once");
        seen.add(place);
      }
      progress.count();
      if (progress.messages >= job.messages) stopping.abort();
    },
    { concurrency: job.concurrency, signal: stopping.signal, onError: (error) => progress.countError(error) },
  );
  return progress.end();
}

async function send(job: ClientSendJob): Promise<ClientResult> {
  const topic = new Apogee({ endpoint: job.url }).topic(job.topic);
  const sender = job.linger ? topic.producer(job.linger) : topic;
  const bodies = jsonBodies(DIFFERENT_BODIES, job.bodyBytes);
  const progress = new Progress(job);
  let sent = 0;
  const caller = async (): Promise<void> => {
    while (sent < job.messages) {
      const body = bodies[sent++ % DIFFERENT_BODIES];
      try {
        await sender.send(body);
        progress.count();
      } catch (error) {
        progress.countError(error);
      }
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, caller));
  return progress.end();
}

process.once("message", async (job: ClientJob) => {
  const result = await (job.kind === "worker" ? work(job) : send(job));
  process.send?.(result, () => process.disconnect());
});
