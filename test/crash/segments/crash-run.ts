import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type HttpClient, httpClient } from "../../support/http/http-client.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { freePort, type ServerProcess, startServer } from "../../support/server/server-process.ts";
import type { CrashRunSettings } from "../crash-run.ts";
import { fingerprint } from "../fingerprint.ts";
import { MOMENTS, type Moment } from "./moments.ts";
import { type KnownMessage, type ReadMessage, RolledAudit, type Violation } from "./rolled-audit.ts";

const TOPIC = "rolled";
/** So few that each soon has enough to roll. */
const QUEUES = 2;
const SENDERS = 4;
const BATCH = 8;
/** In each round. */
const LOOKUPS = 20;
const BODY_BYTES = 1_000;
const PULL_MESSAGES = 32;
/** Most calls of a kind that a server makes before the one in which it dies. */
const PASSED_MAX: Partial<Record<Moment["call"], number>> = { drop: 400, "end merge": 0 };
/** A server that has not died by then never will. */
const LIFE_MS_MAX = 120_000;
const NOISE = Buffer.from(new SeededRandom(1).bytes(64 * 1_024)).toString("base64");
const HURRIED = [process.execPath, "--import", "tsx", "test/crash/segments/hurried-server.ts"];

export interface SegmentCrashSettings extends Omit<CrashRunSettings, "loadMs"> {
  /** How long the server that users run may take to its first answer, by the median of the rounds. Default: a second. */
  readonly restartMsMax?: number;
  /** Those that a round each is for, in turn. Default: all. */
  readonly moments?: typeof MOMENTS;
}

export interface SegmentCrashResult {
  readonly violations: readonly Violation[];
  readonly counts: Readonly<Record<string, number>>;
  readonly restartMs: readonly number[];
  /** Where server log and data stay when something was violated. */
  readonly folder: string;
}

/**
 * A server that rolls and drops while it is sent to, and dies by SIGKILL in the middle of that, again and again. After each death the
 * server that users run starts on the folder, and all is read from it.
 */
export async function runSegmentCrashes(settings: SegmentCrashSettings): Promise<SegmentCrashResult> {
  const { rounds, seed, report, restartMsMax = 1_000, moments = MOMENTS } = settings;
  mkdirSync(".tmp", { recursive: true });
  const folder = mkdtempSync(resolve(".tmp", "crash-segments-"));
  const random = new SeededRandom(seed);
  const audit = new RolledAudit();
  const violations: Violation[] = [];
  const counts: Record<string, number> = {};
  const restartMs: number[] = [];
  const started = async (more: { command?: readonly string[]; environment?: Record<string, string> } = {}) =>
    startServer({ dataDir: join(folder, "data"), port: await freePort(), logFile: join(folder, "server.log"), ...more });
  for (let round = 1; round <= rounds; round++) {
    const kind = moments[(round - 1) % moments.length] as (typeof MOMENTS)[number];
    const moment: Moment = { ...kind, passed: random.integer(0, PASSED_MAX[kind.call] ?? 2) };
    const hurried = await started({ command: HURRIED, environment: { MOMENT: JSON.stringify(moment) } });
    const died = await loadUntilItDies(hurried, round, audit);
    const name = `died ${moment.side} ${moment.call}`;
    if (died) counts[name] = (counts[name] ?? 0) + 1;
    else
      violations.push({
        rule: "alive",
        detail: `round ${round}: the server did not come to the moment ${JSON.stringify(moment)}`,
      });
    const server = await started();
    try {
      restartMs.push(server.startMs);
      violations.push(...audit.read(await readAll(server.url)));
      violations.push(...(await lookUp(server.url, audit.someAcknowledged(LOOKUPS, random))));
    } finally {
      await server.stop();
    }
    const segments = segmentsIn(folder);
    counts.segments = segments;
    report(
      `round ${round}: ${name}, ${moment.passed} calls later; ${audit.acknowledgedCount} messages, ${segments} segments; restarted in ${Math.round(server.startMs)} ms`,
    );
  }
  counts.sent = audit.acknowledgedCount;
  const median = restartMs.toSorted((one, other) => one - other)[Math.floor(restartMs.length / 2)] ?? 0;
  report(
    `restarts: median ${Math.round(median)} ms, longest ${Math.round(Math.max(...restartMs))} ms; target ≤ ${restartMsMax} ms`,
  );
  if (median > restartMsMax)
    violations.push({ rule: "slow start", detail: `${Math.round(median)} ms, the median of all rounds` });
  if (violations.length === 0) rmSync(folder, { recursive: true });
  return { violations, counts, restartMs, folder };
}

const segmentsIn = (folder: string): number =>
  readdirSync(join(folder, "data", "objects"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".seg@"))
    .length;

/** Answers whether it died by itself. */
async function loadUntilItDies(server: ServerProcess, round: number, audit: RolledAudit): Promise<boolean> {
  const http = httpClient(server.url, { connections: SENDERS + 1 });
  const reply = await http
    .request("PUT", `/v1/topics/${TOPIC}`, JSON.stringify({ type: "NORMAL", queues: QUEUES }))
    .catch(() => undefined);
  if (reply && reply.status >= 300) throw new Error(`${reply.status} ${reply.body.toString()}`);
  let over = false;
  const isDead = async (): Promise<boolean> => {
    while (!over) {
      if (!isAlive(server.pid)) return true;
      await sleep(20);
    }
    return false;
  };
  const deadline = setTimeout(() => {
    over = true;
  }, LIFE_MS_MAX);
  const [died] = await Promise.all([
    isDead().then((dead) => {
      over = true;
      return dead;
    }),
    ...Array.from({ length: SENDERS }, (_, sender) => sendUntil(http, `${round}/${sender}`, audit, () => over)),
  ]);
  clearTimeout(deadline);
  await server.kill();
  await http.close();
  return died;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function sendUntil(http: HttpClient, sender: string, audit: RolledAudit, isOver: () => boolean): Promise<void> {
  for (let call = 0; !isOver(); call++) {
    const bodies = Array.from({ length: BATCH }, (_, index) => {
      const from = (call * 131 + index * 977) % (NOISE.length - BODY_BYTES);
      return `${sender}/${call}/${index} ${NOISE.slice(from, from + BODY_BYTES)}`;
    });
    for (const body of bodies) audit.attempted(fingerprint(body));
    const request = JSON.stringify({ entries: bodies.map((body) => ({ body, keys: [keyOf(body)] })) });
    const reply = await http.request("POST", `/v1/topics/${TOPIC}/messages/batch`, request).catch(() => undefined);
    if (!reply) return;
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body.toString()}`);
    for (const [index, result] of JSON.parse(reply.body.toString("utf8")).results.entries()) {
      if (result.status !== "SEND_OK") continue;
      const { queueId, offset, messageId } = result;
      const body = bodies[index] ?? "";
      audit.acknowledged({ place: `${queueId}/${offset}`, messageId, key: keyOf(body), body: fingerprint(body) });
    }
  }
}

const keyOf = (body: string): string => body.slice(0, body.indexOf(" "));

/** What lookups of some of the messages answer, by key and by id. */
async function lookUp(url: string, known: readonly KnownMessage[]): Promise<readonly Violation[]> {
  const http = httpClient(url, { connections: 1 });
  const violations: Violation[] = [];
  for (const { key, messageId, place } of known) {
    if (!(await hasKey(http, key, messageId)))
      violations.push({ rule: "not found", detail: `${messageId} at ${place} by its key ${key}` });
    const byId = await http.request("GET", `/v1/messages/${messageId}`);
    if (byId.status !== 200) violations.push({ rule: "not found", detail: `${messageId} at ${place} by its id: ${byId.status}` });
  }
  await http.close();
  return violations;
}

/** Follows cursors: with much that is not rolled, a page says that it is not complete. */
async function hasKey(http: HttpClient, key: string, messageId: string): Promise<boolean> {
  const path = `/v1/topics/${TOPIC}/messages?key=${encodeURIComponent(key)}`;
  for (let cursor: string | undefined; ; ) {
    const reply = await http.request("GET", cursor === undefined ? path : `${path}&cursor=${encodeURIComponent(cursor)}`);
    if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body.toString()}`);
    const { items, nextCursor } = JSON.parse(reply.body.toString("utf8"));
    if (items.some((one: { readonly messageId: string }) => one.messageId === messageId)) return true;
    if (nextCursor === null) return false;
    cursor = nextCursor;
  }
}

/** All messages from the beginning of each queue to its end. A gap shows as messages that are not there. */
async function readAll(url: string): Promise<readonly ReadMessage[]> {
  const http = httpClient(url, { connections: QUEUES });
  const read = async (queueId: number): Promise<readonly ReadMessage[]> => {
    const messages: ReadMessage[] = [];
    for (let [offset, end] = [0, 1]; offset < end; ) {
      const reply = await http.request(
        "GET",
        `/v1/topics/${TOPIC}/queues/${queueId}/messages?offset=${offset}&limit=${PULL_MESSAGES}`,
      );
      if (reply.status !== 200) throw new Error(`${reply.status} ${reply.body.toString()}`);
      const page = JSON.parse(reply.body.toString("utf8"));
      for (const { offset: at, messageId, storedAt, body } of page.messages)
        messages.push({ place: `${queueId}/${at}`, messageId, storedAt, body: fingerprint(body) });
      end = Number(page.maxOffset);
      if (!(Number(page.nextOffset) > offset)) break;
      offset = Number(page.nextOffset);
    }
    return messages;
  };
  const all = await Promise.all(Array.from({ length: QUEUES }, (_, queueId) => read(queueId)));
  await http.close();
  return all.flat();
}
