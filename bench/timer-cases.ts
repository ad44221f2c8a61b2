import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, httpClient } from "../test/support/http/http-client.ts";
import { peakMemoryDuring } from "./memory.ts";
import type { Options } from "./options.ts";
import { type Row, startRow } from "./row.ts";
import { put, startBroker, withBroker, withFolder } from "./servers.ts";

const TOPIC = "timers";
const GROUP = "reader";
const BATCH = 100;
const RECEIVE_MAX = 32;
const CONSUMERS = 4;
/** Timers at distinct milliseconds, and their distance. */
const SPACED = 200;
const SPACING_MS = 13;
const BURST = 10_000;
const BURST_MS = 1_000;
const PENDING = 1_000_000;
const SENDERS = 4;
const IDLE_MS = 20_000;
const DAY_MS = 86_400_000;
/** The kernel's units of processor time per second. */
const CLOCK_TICKS = 100;

/** How late delayed messages are stored in their queue, and received by a long poll, by this machine's one clock. */
export async function timersCase(options: Options): Promise<readonly Row[]> {
  const spaced = (index: number): number => index * SPACING_MS;
  const burst = (index: number): number => index % BURST_MS;
  return [
    ...(await deliver(`${SPACED} timers ${SPACING_MS} ms apart`, SPACED, spaced, 1_500, options)),
    ...(await deliver(`${BURST.toLocaleString("en-US")} timers due in a second`, BURST, burst, 8_000, options)),
  ];
}

async function deliver(
  name: string,
  count: number,
  dueAfter: (index: number) => number,
  aheadMs: number,
  options: Options,
): Promise<readonly Row[]> {
  return withBroker(async ({ url, pid }) => {
    const http = httpClient(url, { connections: SENDERS + CONSUMERS });
    await put(url, `/v1/topics/${TOPIC}`, { type: "DELAY", queues: 4 });
    await put(url, `/v1/groups/${GROUP}`, {});
    await put(url, `/v1/groups/${GROUP}/subscriptions/${TOPIC}`, { startFrom: "earliest" });
    const startMs = Date.now() + aheadMs;
    await schedule(http, count, (index) => startMs + dueAfter(index), options);
    const sentLateMs = Date.now() - startMs;
    const { result, rssAnonMb } = await peakMemoryDuring(pid, () => receiveAll(http, count));
    await http.close();
    const errors: Record<string, number> = {};
    if (sentLateMs > 0) errors[`scheduled ${sentLateMs} ms too late to be measured`] = 1;
    const early = result.stored.filter((lateMs) => lateMs < 0).length;
    if (early > 0) errors["delivered early"] = early;
    const seconds = (result.lastStoredMs - startMs) / 1_000;
    return [
      latenessRow(`${name}: stored late`, count / seconds, result.stored, rssAnonMb, errors),
      latenessRow(`${name}: received late`, Number.NaN, result.received, rssAnonMb, {}),
    ];
  });
}

/** Memory, restart and idle processor time with a million messages that are due tomorrow. */
export function pendingCase(options: Options): Promise<readonly Row[]> {
  return withFolder(async (folder) => {
    const name = PENDING.toLocaleString("en-US");
    let server = await startBroker(folder);
    try {
      const http = httpClient(server.url, { connections: SENDERS });
      await put(server.url, `/v1/topics/${TOPIC}`, { type: "DELAY", queues: 4 });
      const startedMs = Date.now();
      const due = (index: number): number => startedMs + DAY_MS + ((index * 7_919) % DAY_MS);
      const written = await peakMemoryDuring(server.pid, () => schedule(http, PENDING, due, options));
      const rate = PENDING / ((Date.now() - startedMs) / 1_000);
      await http.close();
      const rows = [latenessRow(`schedule ${name}`, rate, [], written.rssAnonMb, {})];
      await server.kill();
      server = await startBroker(folder);
      rows.push(startRow(`restart after kill -9 with ${name} timers`, server.startMs));
      const idle = await peakMemoryDuring(server.pid, () => idleShare(server.pid));
      rows.push({
        ...latenessRow(
          `idle with ${name} timers: ${(idle.result * 100).toFixed(2)} % of a processor`,
          Number.NaN,
          [],
          idle.rssAnonMb,
          {},
        ),
      });
      return rows;
    } finally {
      await server.stop();
    }
  });
}

async function schedule(http: HttpClient, count: number, dueMs: (index: number) => number, options: Options): Promise<void> {
  const body = "x".repeat(options.bodyBytes);
  let next = 0;
  const send = async (): Promise<void> => {
    while (next < count) {
      const first = next;
      next += BATCH;
      const entries = Array.from({ length: Math.min(BATCH, count - first) }, (_, at) => {
        const deliverAt = dueMs(first + at);
        return { body, deliverAt, properties: { due: String(deliverAt) } };
      });
      const reply = await http.request("POST", `/v1/topics/${TOPIC}/messages/batch`, JSON.stringify({ entries }));
      const text = reply.body.toString("utf8");
      if (reply.status !== 200 || text.includes('"status":"error"')) throw new Error(`${reply.status} ${text.slice(0, 300)}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, send));
}

interface Lateness {
  readonly stored: readonly number[];
  readonly received: readonly number[];
  readonly lastStoredMs: number;
}

async function receiveAll(http: HttpClient, count: number): Promise<Lateness> {
  const stored: number[] = [];
  const received: number[] = [];
  let lastStoredMs = 0;
  const request = JSON.stringify({ max: RECEIVE_MAX, waitSeconds: 2 });
  const consume = async (): Promise<void> => {
    while (stored.length < count) {
      const reply = await http.request("POST", `/v1/groups/${GROUP}/receive`, request);
      const nowMs = Date.now();
      const { messages } = JSON.parse(reply.body.toString("utf8"));
      for (const { storedAt, properties } of messages) {
        const storedMs = Date.parse(storedAt);
        stored.push(storedMs - Number(properties.due));
        received.push(nowMs - Number(properties.due));
        lastStoredMs = Math.max(lastStoredMs, storedMs);
      }
      const receiptHandles = messages.map(({ receiptHandle }: { receiptHandle: string }) => receiptHandle);
      if (receiptHandles.length > 0) await http.request("POST", `/v1/groups/${GROUP}/ack`, JSON.stringify({ receiptHandles }));
    }
  };
  await Promise.all(Array.from({ length: CONSUMERS }, consume));
  return { stored, received, lastStoredMs };
}

/** Processor time of a process while nobody calls it, as a share of one processor. Linux only. */
async function idleShare(pid: number): Promise<number> {
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  // LevelDB first compacts what was written before.
  await sleep(2 * IDLE_MS);
  const before = ticks();
  await sleep(IDLE_MS);
  return (ticks() - before) / CLOCK_TICKS / (IDLE_MS / 1_000);
}

function latenessRow(
  name: string,
  messagesPerSecond: number,
  latenessMs: readonly number[],
  rssAnonMb: number,
  errors: Readonly<Record<string, number>>,
): Row {
  const sorted = [...latenessMs].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    case: name,
    concurrency: Number.NaN,
    messagesPerSecond,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    rssAnonMb,
    ofNull: Number.NaN,
    ratio: Number.NaN,
    errors,
  };
}
