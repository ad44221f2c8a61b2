import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { httpClient } from "../../support/http/http-client.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { freePort, startServer } from "../../support/server/server-process.ts";
import type { CrashRunSettings } from "../crash-run.ts";
import { audit, type Violation } from "./audit.ts";
import type { Fact, Found } from "./facts.ts";
import { DELAY_MS_MAX, runLoad, settleAll, TOPIC } from "./workload.ts";

const QUEUES = 4;
const PULL_MESSAGES = 32;

export interface TimeCrashResult {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<string, number>>;
  /** Where server log and data stay when something was violated. */
  readonly folder: string;
}

/** Timers, transactions and repeated sends; `kill -9` at a random moment, restart, again and again; then everything is due, read and audited. */
export const runTimeCrashes = async (settings: CrashRunSettings): Promise<TimeCrashResult> => {
  const { rounds, seed, report } = settings;
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "crash-time-"));
  const random = new SeededRandom(seed);
  const facts: Fact[] = [];
  const unexpected: string[] = [];
  const port = await freePort();
  const boot = () => startServer({ dataDir: join(folder, "data"), port, logFile: join(folder, "server.log") });
  const load = (round: number, signal: AbortSignal) => ({
    server: server.url,
    round,
    seed,
    facts,
    unexpected: (what: string) => void unexpected.push(what),
    signal,
  });

  let server = await boot();
  let found: readonly Found[] = [];
  try {
    await createTopic(server.url);
    for (let round = 1; round <= rounds; round++) {
      const stop = new AbortController();
      const running = runLoad(load(round, stop.signal));
      const loadMs = random.integer(settings.loadMs.min, settings.loadMs.max);
      await sleep(loadMs);
      stop.abort();
      await server.kill();
      await running;
      server = await boot();
      report(`round ${round}: killed after ${loadMs} ms; ${facts.length} messages asked for so far`);
    }
    await settleAll(load(rounds + 1, new AbortController().signal));
    await sleep(Math.max(0, ...facts.map((fact) => (fact.kind === "timer" ? fact.dueMs - Date.now() : 0))) + DELAY_MS_MAX / 5);
    found = await pullEverything(server.url);
  } finally {
    await server.stop();
  }
  const violations = audit(facts, found, unexpected);
  if (violations.length === 0) rmSync(folder, { recursive: true });
  return { violations, counts: countsOf(facts, found), folder };
};

const createTopic = async (server: string): Promise<void> => {
  const http = httpClient(server, { connections: 1 });
  const reply = await http.request("PUT", `/v1/topics/${TOPIC}`, JSON.stringify({ type: "MIXED", queues: QUEUES }));
  if (reply.status !== 201) throw new Error(`PUT topic: ${reply.status} ${reply.body.toString()}`);
  await http.close();
};

const pullEverything = async (server: string): Promise<readonly Found[]> => {
  const http = httpClient(server, { connections: 1 });
  const found: Found[] = [];
  for (let queueId = 0; queueId < QUEUES; queueId++) {
    for (let offset = "0"; ; ) {
      const reply = await http.request(
        "GET",
        `/v1/topics/${TOPIC}/queues/${queueId}/messages?offset=${offset}&limit=${PULL_MESSAGES}`,
      );
      const page = JSON.parse(reply.body.toString("utf8"));
      for (const message of page.messages ?? [])
        found.push({ body: message.body, place: `${queueId}/${message.offset}`, storedAtMs: Date.parse(message.storedAt) });
      if (page.status !== "FOUND") break;
      offset = page.nextOffset;
    }
  }
  await http.close();
  return found;
};

const countsOf = (facts: readonly Fact[], found: readonly Found[]): Record<string, number> => {
  const count = (test: (fact: Fact) => boolean): number => facts.filter(test).length;
  return {
    stored: found.length,
    timers: count((fact) => fact.kind === "timer" && fact.acknowledged),
    cancelled: count((fact) => fact.kind === "timer" && fact.cancelled === "yes"),
    tooLate: count((fact) => fact.kind === "timer" && fact.cancelled === "no"),
    committed: count((fact) => fact.kind === "half" && fact.told.has("commit")),
    rolledBack: count((fact) => fact.kind === "half" && fact.told.has("rollback")),
    once: count((fact) => fact.kind === "once" && fact.places.length > 0),
    unanswered: count((fact) => (fact.kind === "once" ? fact.places.length === 0 : !fact.acknowledged)),
  };
};
