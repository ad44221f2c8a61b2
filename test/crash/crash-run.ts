import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpServer, httpClient } from "../support/http/http-client.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";
import { audit, type Violation } from "./audit.ts";
import { fingerprint } from "./fingerprint.ts";
import type { HistoryEvent } from "./history.ts";
import { drain, GROUPS, QUEUES, runLoad, TOPIC } from "./workload.ts";

const RESTART_MS_MAX = 20_000;
const PULL_MESSAGES = 32;

export interface CrashRunSettings {
  readonly rounds: number;
  /** Decides the workers' choices and the moments of the kills; not what the operating system makes of them. */
  readonly seed: number;
  readonly loadMs: { readonly min: number; readonly max: number };
  readonly report: (line: string) => void;
}

export interface CrashRunResult {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<string, number>>;
  readonly restartMs: readonly number[];
  /** Where server log and data stay when something was violated. */
  readonly folder: string;
}

/** Load, `kill -9` at a random moment, restart on the same folder, again and again; then drains, reads everything and audits. */
export const runCrashes = async (settings: CrashRunSettings): Promise<CrashRunResult> => {
  const { rounds, seed, report } = settings;
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "crash-"));
  const history: HistoryEvent[] = [];
  const record = (event: HistoryEvent): void => {
    history.push(event);
  };
  const random = new SeededRandom(seed);
  const restartMs: number[] = [];
  const port = await freePort();
  const boot = (): Promise<ServerProcess> =>
    startServer({ dataDir: join(folder, "data"), port, logFile: join(folder, "server.log") });

  let server = await boot();
  try {
    await createTopicAndGroups(server.url);
    for (let round = 1; round <= rounds; round++) {
      const before = history.length;
      const stop = new AbortController();
      const load = runLoad({ server: server.url, round, seed, record, signal: stop.signal });
      const loadMs = random.integer(settings.loadMs.min, settings.loadMs.max);
      await sleep(loadMs);
      stop.abort();
      await server.kill();
      await load;
      server = await boot();
      restartMs.push(server.startMs);
      if (server.startMs > RESTART_MS_MAX) {
        record({ kind: "unexpected", what: `restart ${round} took ${Math.round(server.startMs)} ms, over ${RESTART_MS_MAX}` });
      }
      const events = countKinds(history.slice(before));
      report(`round ${round}: killed after ${loadMs} ms; ${describe(events)}; restarted in ${Math.round(server.startMs)} ms`);
    }
    const { signal } = new AbortController();
    await Promise.all(GROUPS.map((group) => drain({ server: server.url, round: rounds + 1, seed, record, signal }, group)));
    await pullEverything(server.url, record);
  } finally {
    await server.stop();
  }
  const violations = audit(history, GROUPS);
  if (violations.length === 0) rmSync(folder, { recursive: true });
  return { violations, counts: countKinds(history), restartMs, folder };
};

export const createTopicAndGroups = async (server: string | HttpServer): Promise<void> => {
  const http = httpClient(server, { connections: 1 });
  const put = async (path: string, body: unknown): Promise<void> => {
    const reply = await http.request("PUT", path, JSON.stringify(body));
    if (reply.status !== 201) throw new Error(`PUT ${path}: ${reply.status} ${reply.body.toString()}`);
  };
  await put(`/v1/topics/${TOPIC}`, { type: "MIXED", queues: QUEUES });
  for (const { name, maxAttempts, tag } of GROUPS) {
    await put(`/v1/groups/${name}`, { maxAttempts });
    const filter = tag === undefined ? {} : { filter: { type: "TAG", expression: tag } };
    await put(`/v1/groups/${name}/subscriptions/${TOPIC}`, { startFrom: "earliest", ...filter });
  }
  await http.close();
};

/** Reads every queue from its start to its end, and every list of dead letters. */
export const pullEverything = async (server: string | HttpServer, record: (event: HistoryEvent) => void): Promise<void> => {
  const http = httpClient(server, { connections: 1 });
  const get = async (path: string): Promise<Record<string, unknown>> => {
    const reply = await http.request("GET", path);
    if (reply.status !== 200) throw new Error(`GET ${path}: ${reply.status} ${reply.body.toString()}`);
    return JSON.parse(reply.body.toString("utf8"));
  };
  const { items } = await get(`/v1/topics/${TOPIC}/queues`);
  for (const queue of items as Record<string, unknown>[]) {
    const queueId = Number(queue.queueId);
    const maxOffset = Number(queue.maxOffset);
    record({ kind: "range", queueId, minOffset: Number(queue.minOffset), maxOffset });
    for (let offset = 0; offset < maxOffset; ) {
      const page = await get(`/v1/topics/${TOPIC}/queues/${queueId}/messages?offset=${offset}&limit=${PULL_MESSAGES}`);
      for (const message of page.messages as Record<string, unknown>[]) {
        record({
          kind: "pulled",
          queueId,
          offset: Number(message.offset),
          messageId: String(message.messageId),
          body: fingerprint(String(message.body)),
          tag: textOf(message.tag),
          messageGroup: textOf(message.messageGroup),
        });
      }
      const next = Number(page.nextOffset);
      // A queue that cannot be read to its end is left with holes, which the audit reports.
      if (!(next > offset)) break;
      offset = next;
    }
  }
  for (const { name } of GROUPS) {
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const page = await get(`/v1/groups/${name}/dlq?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      for (const { queueId, offset } of page.items as Record<string, unknown>[]) {
        record({ kind: "dead", group: name, queueId: Number(queueId), offset: Number(offset) });
      }
      cursor = textOf(page.nextCursor);
    }
  }
  await http.close();
};

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export const countKinds = (events: readonly HistoryEvent[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const event of events) {
    const name = event.kind === "settled" ? `${event.action} ${event.outcome}` : event.kind;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

export const describe = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
