import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { freePort } from "../test/support/server/server-process.ts";
import type { GrpcConsumeJob, GrpcJob, GrpcResult, GrpcSendJob } from "./grpc-job.ts";
import { peakMemoryDuring } from "./memory.ts";
import type { Options } from "./options.ts";
import { figureRow, jobRow, type Row } from "./row.ts";
import { put, startBroker, withFolder } from "./servers.ts";

const TOPIC = "bench";
const BATCH = 32;
const RECEIVERS = 8;
const IDLE_CLIENTS = 1_000;

interface Served {
  readonly url: string;
  readonly pid: number;
  readonly address: string;
}

/** Raw calls of RocketMQ's protocol: sends, batches, and receives with one ack for a batch or for each message. */
export function grpcCase({ bodyBytes, seconds, messages }: Options): Promise<readonly Row[]> {
  return withGrpc(async ({ url, pid, address }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL", queues: 8 });
    for (const group of ["batch", "each"]) {
      await put(url, `/v1/groups/${group}`, {});
      await put(url, `/v1/groups/${group}/subscriptions/${TOPIC}`, { startFrom: "earliest" });
    }
    const sending: Omit<GrpcSendJob, "concurrency"> = {
      kind: "send",
      address,
      topic: TOPIC,
      bodyBytes,
      batch: 1,
      connections: 1,
      seconds,
    };
    const consuming: Omit<GrpcConsumeJob, "group" | "ackEach"> = {
      kind: "consume",
      address,
      topic: TOPIC,
      messages: Math.min(messages, 50_000),
      receivers: RECEIVERS,
    };
    const rows: Row[] = [];
    const measure = async (name: string, concurrency: number, job: GrpcJob): Promise<void> => {
      const { result, rssAnonMb } = await peakMemoryDuring(pid, () => runGrpcJob(job));
      rows.push(jobRow(name, concurrency, result, { rssAnonMb }));
    };
    await measure("gRPC send", 1, { ...sending, concurrency: 1 });
    await measure("gRPC send", 32, { ...sending, concurrency: 32 });
    await measure("gRPC send, 4 connections", 32, { ...sending, concurrency: 32, connections: 4 });
    await measure(`gRPC batches of ${BATCH}`, 32, { ...sending, concurrency: 32, batch: BATCH });
    await measure("gRPC receive(32) + one ack", RECEIVERS, { ...consuming, group: "batch", ackEach: false });
    await measure("gRPC receive(32) + 32 acks", RECEIVERS, { ...consuming, group: "each", ackEach: true });
    return rows;
  });
}

/** Push consumers that wait for messages: what they cost the server. */
export function grpcIdleCase({ seconds }: Options): Promise<readonly Row[]> {
  return withGrpc(async ({ url, pid, address }) => {
    await put(url, `/v1/topics/${TOPIC}`, { type: "NORMAL" });
    const job: GrpcJob = {
      kind: "idle",
      address,
      topic: TOPIC,
      group: "idle",
      clients: IDLE_CLIENTS,
      seconds: Math.max(seconds, 20),
      pid,
    };
    const { result, rssAnonMb } = await peakMemoryDuring(pid, () => runGrpcJob(job));
    return [
      figureRow(`${IDLE_CLIENTS} idle push consumers: share of a processor`, result.cpuShare, {
        rssAnonMb,
        errors: result.errors,
      }),
    ];
  });
}

const withGrpc = <T>(work: (served: Served) => Promise<T>): Promise<T> =>
  withFolder(async (folder) => {
    const port = await freePort();
    const server = await startBroker(folder, { environment: { GRPC_PORT: String(port) } });
    try {
      return await work({ url: server.url, pid: server.pid, address: `127.0.0.1:${port}` });
    } finally {
      await server.stop();
    }
  });

async function runGrpcJob(job: GrpcJob): Promise<GrpcResult> {
  const args = ["--import", "tsx", "bench/grpc-generator.ts", JSON.stringify(job)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as GrpcResult;
}
