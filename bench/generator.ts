// The load generator, in its own process so that it takes no time from the server under test. Takes one job, answers one result.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, httpClient } from "../test/support/http/http-client.ts";
import { SeededRandom } from "../test/support/seeded-random.ts";
import { jsonBodies } from "./bodies.ts";
import type { ConsumeJob, Job, JobResult, PullJob, SendJob } from "./job.ts";
import { MessageHash } from "./message-hash.ts";

const STALLED_MS = 20_000;
const ACK_RETRIES = 5;
const DIFFERENT_REQUESTS = 64;

interface Tally {
  messages: number;
  readonly byWorker: number[];
  readonly latenciesMs: number[];
  readonly errors: Record<string, number>;
}

const emptyTally = (): Tally => ({ messages: 0, byWorker: [], latenciesMs: [], errors: {} });

const countError = (tally: Tally, what: string): void => {
  const key = what.slice(0, 200);
  tally.errors[key] = (tally.errors[key] ?? 0) + 1;
};

interface Answer {
  readonly [name: string]: unknown;
}

/** The answer's JSON. Any other status than the expected one is counted as an error, and gives undefined. */
const post = async (
  http: HttpClient,
  tally: Tally,
  path: string,
  body: string | Buffer,
  expected: number,
): Promise<Answer | undefined> => {
  try {
    const reply = await http.request("POST", path, body);
    if (reply.status === expected) return JSON.parse(reply.body.toString("utf8"));
    countError(tally, `${reply.status} ${reply.body.toString("utf8", 0, 150)}`);
  } catch (error) {
    countError(tally, error instanceof Error ? error.message : String(error));
  }
  return undefined;
};

const countMessages = (tally: Tally, worker: number, messages: number): void => {
  tally.messages += messages;
  tally.byWorker[worker] = (tally.byWorker[worker] ?? 0) + messages;
};

const results = (answer: Answer | undefined): readonly { readonly status?: string }[] =>
  Array.isArray(answer?.results) ? answer.results : [];

const runWorkers = (count: number, worker: (index: number) => Promise<void>): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, index) => worker(index)));

/** Stands for the key of a message in a request. */
const NO_KEY = "order-000000000000";

/** The same request with keys that no other message has. */
function withKeys(request: Buffer, from: number): Buffer {
  const keyed = Buffer.from(request);
  let key = from;
  for (let at = keyed.indexOf(NO_KEY); at >= 0; at = keyed.indexOf(NO_KEY, at + NO_KEY.length)) {
    keyed.write(`order-${String(key).padStart(12, "0")}`, at, "latin1");
    key++;
  }
  return keyed;
}

const send = async (job: SendJob, http: HttpClient): Promise<Run> => {
  const texts = jsonBodies(DIFFERENT_REQUESTS * job.batch, job.bodyBytes);
  const random = new SeededRandom(2);
  const messageGroup = () => job.messageGroups && { messageGroup: `group-${random.integer(1, job.messageGroups)}` };
  const key = job.keys && { keys: [NO_KEY] };
  const requests = Array.from({ length: DIFFERENT_REQUESTS }, (_, index) => {
    const bodies = texts.slice(index * job.batch, (index + 1) * job.batch);
    const entries = bodies.map((body) => ({ body, ...messageGroup(), ...key }));
    return Buffer.from(JSON.stringify(job.batch === 1 ? entries[0] : { entries }));
  });
  const path = `/v1/topics/${job.topic}/messages${job.batch === 1 ? "" : "/batch"}`;

  let keyed = 0;
  const phase = async (goesOn: (issued: number) => boolean): Promise<Tally> => {
    const tally = emptyTally();
    let issued = 0;
    await runWorkers(job.concurrency, async (worker) => {
      while (goesOn(issued)) {
        const like = requests[issued % DIFFERENT_REQUESTS]!;
        const request = job.keys ? withKeys(like, keyed) : like;
        if (job.keys) keyed += job.batch;
        issued += 1;
        const startedAt = performance.now();
        const answer = await post(http, tally, path, request, job.batch === 1 ? 201 : 200);
        const stored = (job.batch === 1 ? [answer ?? {}] : results(answer)).filter((one) => one.status === "SEND_OK").length;
        countMessages(tally, worker, stored);
        if (stored === job.batch) tally.latenciesMs.push(performance.now() - startedAt);
        else if (answer !== undefined) countError(tally, "entries of a batch that were not SEND_OK");
      }
    });
    return tally;
  };

  const { until } = job;
  const timed = (seconds: number): Promise<Tally> => {
    const endsAt = performance.now() + seconds * 1_000;
    return phase(() => performance.now() < endsAt);
  };
  const warmup = "seconds" in until ? await timed(until.warmupSeconds) : emptyTally();
  const startedAt = performance.now();
  const tally = "seconds" in until ? await timed(until.seconds) : await phase((issued) => issued < until.messages / job.batch);
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const [what, count] of Object.entries(warmup.errors)) tally.errors[what] = (tally.errors[what] ?? 0) + count;
  return { tally, seconds };
};

const consume = async (job: ConsumeJob, http: HttpClient): Promise<Run> => {
  const tally = emptyTally();
  const seen = new Set<string>();
  let current = 0;
  let givenUp = 0;
  let progressAt = performance.now();
  const startedAt = performance.now();
  await runWorkers(job.concurrency, async (worker) => {
    const request = JSON.stringify({ max: job.max, waitSeconds: 0, leaseSeconds: 60 });
    while (tally.messages + givenUp < job.messages) {
      if (performance.now() - progressAt > STALLED_MS) return countError(tally, `no message for ${STALLED_MS} ms`);
      const index = current;
      const group = job.groups[index]!;
      const operationAt = performance.now();
      const answer = await post(http, tally, `/v1/groups/${group}/receive`, request, 200);
      if (answer === undefined) {
        await sleep(10);
        continue;
      }
      const messages = answer.messages as { queueId: number; offset: string; receiptHandle: string; attempt: number }[];
      if (messages.length === 0) {
        if (current === index && index < job.groups.length - 1) current += 1;
        // Other workers hold the last messages.
        else await sleep(1 + (worker % 4));
        continue;
      }
      for (const { queueId, offset, attempt } of job.once ? messages : []) {
        const key = `${group}/${queueId}/${offset}`;
        if (seen.has(key) || attempt !== 1) countError(tally, "messages delivered more than once");
        seen.add(key);
      }
      const receiptHandles = messages.map(({ receiptHandle }) => receiptHandle);
      const acks = JSON.stringify({ receiptHandles });
      let settled = await post(http, tally, `/v1/groups/${group}/ack`, acks, 200);
      // Each failure counts. Without the ack, the messages would be kept from everyone until the lease ends.
      for (let retry = 1; settled === undefined && retry <= ACK_RETRIES; retry++) {
        await sleep(10 * retry);
        settled = await post(http, tally, `/v1/groups/${group}/ack`, acks, 200);
      }
      const done = results(settled).filter(({ status }) => status === "acked").length;
      countMessages(tally, worker, done);
      if (done !== messages.length) {
        countError(tally, "receives that were not acked in full");
        givenUp += messages.length - done;
      }
      progressAt = performance.now();
      tally.latenciesMs.push(progressAt - operationAt);
    }
  });
  return { tally, seconds: (progressAt - startedAt) / 1_000 };
};

const pull = async (job: PullJob, http: HttpClient): Promise<Run> => {
  const tally = emptyTally();
  const hashes = Array.from({ length: job.concurrency }, () => new MessageHash());
  const startedAt = performance.now();
  let progressAt = startedAt;
  await runWorkers(job.concurrency, async (queueId) => {
    for (let offset = "0"; tally.messages < job.messages; ) {
      if (performance.now() - progressAt > STALLED_MS) return countError(tally, `no message for ${STALLED_MS} ms`);
      const path = `/v1/topics/${job.topic}/queues/${queueId}/messages?offset=${offset}&waitSeconds=1`;
      const reply = await http.request("GET", path);
      if (reply.status !== 200) return countError(tally, `${reply.status} ${reply.body.toString("utf8", 0, 150)}`);
      const { messages, nextOffset } = JSON.parse(reply.body.toString("utf8"));
      for (const { messageId, offset: at, storedAt, body } of messages) {
        hashes[queueId]?.add(messageId, at, Date.parse(storedAt), body);
      }
      countMessages(tally, queueId, messages.length);
      offset = nextOffset;
      if (messages.length > 0) progressAt = performance.now();
    }
  });
  return { tally, seconds: (progressAt - startedAt) / 1_000, hashes: hashes.map((hash) => hash.digest()) };
};

const quantile = (sorted: readonly number[], fraction: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;

interface Run {
  readonly tally: Tally;
  readonly seconds: number;
  readonly hashes?: readonly string[];
}

const runOf = (job: Job, http: HttpClient): Promise<Run> => {
  if (job.kind === "send") return send(job, http);
  return job.kind === "consume" ? consume(job, http) : pull(job, http);
};

const run = async (job: Job): Promise<JobResult> => {
  const http = httpClient(job.url, { connections: job.concurrency });
  const { tally, seconds, hashes } = await runOf(job, http);
  await http.close();
  const sorted = Float64Array.from(tally.latenciesMs).sort();
  const latencies = Array.from(sorted);
  const { messages, errors } = tally;
  return {
    messages,
    seconds,
    byWorker: Array.from({ length: job.concurrency }, (_, worker) => tally.byWorker[worker] ?? 0),
    errors,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    maxMs: quantile(latencies, 1),
    ...(hashes && { hashes }),
  };
};

process.once("message", async (job: Job) => {
  process.send?.(await run(job), () => process.disconnect());
});
