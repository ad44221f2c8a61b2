// tsx bench/grpc-generator.ts JOB: runs one job of grpc-job.ts, as JSON, against any server of RocketMQ's protocol. Prints the result.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ClientType,
  Code,
  Encoding,
  type Message,
  MessageType,
} from "../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import { RawClient } from "../test/grpc/raw-client.ts";
import { consumerSettings, resource, tagFilter } from "../test/grpc/requests.ts";
import type { GrpcConsumeJob, GrpcIdleJob, GrpcJob, GrpcResult, GrpcSendJob } from "./grpc-job.ts";

const WARMUP_SECONDS = 2;
/** Empty polls in a row, after which a receiver takes the topic for empty. */
const EMPTY_POLLS_MAX = 2;
/** Linux counts processor time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

const latencies: number[] = [];
const errors: Record<string, number> = {};
const countError = (error: unknown): void => {
  const what = String(error).slice(0, 200);
  errors[what] = (errors[what] ?? 0) + 1;
};

let nextId = 0;
const messageOf = (topic: string, body: Buffer): Message => ({
  topic: resource(topic),
  userProperties: new Map(),
  systemProperties: {
    keys: [],
    messageId: `01${process.pid.toString(16).toUpperCase().padStart(12, "0")}${(nextId++).toString(16).toUpperCase().padStart(20, "0")}`,
    bodyDigest: undefined,
    bodyEncoding: Encoding.IDENTITY,
    messageType: MessageType.NORMAL,
    bornTimestamp: undefined,
    bornHost: "bench",
    storeHost: "",
    queueId: 0,
  },
  body,
});

async function send(job: GrpcSendJob): Promise<GrpcResult> {
  const clients = Array.from({ length: job.connections }, () => new RawClient(job.address));
  const body = Buffer.alloc(job.bodyBytes, "x");
  const startedAt = performance.now() + WARMUP_SECONDS * 1_000;
  const endsAt = startedAt + job.seconds * 1_000;
  let messages = 0;
  const caller = async (index: number): Promise<void> => {
    const client = clients[index % clients.length]!;
    for (let now = performance.now(); now < endsAt; now = performance.now()) {
      const batch = Array.from({ length: job.batch }, () => messageOf(job.topic, body));
      const { status } = await client.call("sendMessage", { messages: batch });
      if (status?.code !== Code.OK) countError(`${status?.code}: ${status?.message}`);
      if (now < startedAt) continue;
      latencies.push(performance.now() - now);
      messages += job.batch;
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, (_, index) => caller(index).catch(countError)));
  return result(messages, (performance.now() - startedAt) / 1_000);
}

const settingsOf = ({ group, topic }: { readonly group: string; readonly topic: string }, clientType: ClientType) =>
  consumerSettings(group, { [topic]: tagFilter("*") }, clientType);

const receiveRequest = (job: { readonly group: string; readonly topic: string }, more: { readonly push: boolean }) => ({
  group: resource(job.group),
  messageQueue: {
    topic: resource(job.topic),
    id: more.push ? -1 : 0,
    permission: 4 as const,
    broker: { name: "broker-a", id: 0, endpoints: undefined },
    acceptMessageTypes: [],
  },
  filterExpression: tagFilter("*"),
  batchSize: 32,
  ...(more.push ? {} : { invisibleDuration: { seconds: 60, nanos: 0 } }),
  autoRenew: more.push,
  longPollingTimeout: { seconds: more.push ? 20 : 5, nanos: 0 },
});

async function consume(job: GrpcConsumeJob): Promise<GrpcResult> {
  const seen = new Set<string>();
  const startedAt = performance.now();
  const receiver = async (): Promise<void> => {
    const client = new RawClient(job.address);
    await client.telemetry().settings(settingsOf(job, ClientType.SIMPLE_CONSUMER));
    for (let empty = 0; seen.size < job.messages && empty < EMPTY_POLLS_MAX; ) {
      const begun = performance.now();
      const { messages } = await client.receive(receiveRequest(job, { push: false }));
      const entries = messages.map(({ systemProperties }) => {
        const { messageId = "", receiptHandle = "" } = systemProperties ?? {};
        return { messageId, receiptHandle };
      });
      empty = entries.length === 0 ? empty + 1 : 0;
      for (const { messageId } of entries) {
        if (seen.has(messageId)) countError("messages delivered more than once");
        seen.add(messageId);
      }
      const calls = job.ackEach ? entries.map((entry) => [entry]) : entries.length > 0 ? [entries] : [];
      await Promise.all(
        calls.map(async (some) => {
          const { status } = await client.call("ackMessage", {
            group: resource(job.group),
            topic: resource(job.topic),
            entries: some,
          });
          if (status?.code !== Code.OK) countError(`${status?.code}: ${status?.message}`);
        }),
      );
      if (entries.length > 0) latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: job.receivers }, () => receiver().catch(countError)));
  return result(seen.size, (performance.now() - startedAt) / 1_000);
}

async function idle(job: GrpcIdleJob): Promise<GrpcResult> {
  const stopping = new AbortController();
  const every = async (seconds: number, work: () => Promise<unknown>): Promise<void> => {
    // Clients that start together do not stay so.
    await sleep(Math.random() * seconds * 1_000);
    for (; !stopping.signal.aborted; await sleep(seconds * 1_000)) await work();
  };
  const clients = Array.from({ length: job.clients }, () => new RawClient(job.address));
  const endpoints = { scheme: 1 as const, addresses: [{ host: "127.0.0.1", port: Number(job.address.split(":").at(-1)) }] };
  for (const client of clients) await client.telemetry().settings(settingsOf(job, ClientType.PUSH_CONSUMER));
  for (const client of clients) {
    const group = resource(job.group);
    const topic = resource(job.topic);
    const works = [
      every(10, () => client.call("heartbeat", { group, clientType: 2 })),
      every(5, () => client.call("queryAssignment", { group, topic, endpoints })),
      every(30, () => client.call("queryRoute", { topic, endpoints })),
      every(0, () => client.receive(receiveRequest(job, { push: true }))),
    ];
    for (const work of works) work.catch((error) => stopping.signal.aborted || countError(error));
  }
  await sleep(25_000);
  const before = ticksOf(job.pid);
  const startedAt = performance.now();
  await sleep(job.seconds * 1_000);
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuShare = (ticksOf(job.pid) - before) / TICKS_PER_SECOND / seconds;
  stopping.abort();
  return { ...result(0, seconds), cpuShare };
}

/** Processor time of a process, in ticks. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function result(messages: number, seconds: number): GrpcResult {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(share * (latencies.length - 1))] ?? Number.NaN;
  return { messages, seconds, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), cpuShare: Number.NaN, errors };
}

const job = JSON.parse(process.argv[2] ?? "") as GrpcJob;
const done = job.kind === "send" ? await send(job) : job.kind === "consume" ? await consume(job) : await idle(job);
console.log(JSON.stringify(done));
process.exit(0);
