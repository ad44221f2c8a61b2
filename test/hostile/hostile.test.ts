import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";
import { type Attack, BODIES, CONNECTIONS, SEARCHES } from "./attacks.ts";
import { memoryMib, type Seen, watch } from "./watch.ts";

const MIB = 1_024 * 1_024;
const TOPIC = "prepared";
/** What others may notice of an attack. */
const HEALTH_MS_MAX = 100;
const MEMORY_MIB_MAX = 300;
/** Whatever else the machine does makes an answer slower, never faster. */
const TRIES = 4;

let folder: string;
let server: ServerProcess;
let idleMib: number;

const json = { "Content-Type": "application/json" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "apogee-hostile-"));
  const port = await freePort();
  const environment = { LOG_LEVEL: "warn" };
  server = await startServer({ dataDir: join(folder, "data"), port, logFile: join(folder, "log"), environment });
  const put = (path: string, body: object) =>
    fetch(`${server.url}${path}`, { method: "PUT", body: JSON.stringify(body), headers: json });
  await put(`/v1/topics/${TOPIC}`, { queues: 1 });
  await put(`/v1/topics/${TOPIC}-properties`, { queues: 1 });
  await put("/v1/groups/g", {});
  const properties = { p: "a".repeat(16_000) };
  for (let batch = 0; batch < 4; batch++) {
    const body = JSON.stringify({ entries: Array.from({ length: 100 }, () => ({ body: "x", properties })) });
    const path = `/v1/topics/${TOPIC}-properties/messages/batch`;
    await fetch(`${server.url}${path}`, { method: "POST", body, headers: json });
    const large = Buffer.alloc(4 * MIB, "abcdefgh");
    await fetch(`${server.url}/v1/topics/${TOPIC}/publish`, { method: "POST", body: large });
  }
  await sleep(500);
  idleMib = await memoryMib(server.pid);
}, 60_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

/** The best of some tries, as soon as one is good enough. */
async function bestOf(attack: Attack): Promise<Seen> {
  let best: Seen | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    const seen = await watch(server, () => attack(server.url, TOPIC));
    best = { healthMs: Math.min(seen.healthMs, best?.healthMs ?? seen.healthMs), memoryMib: seen.memoryMib };
    if (best.healthMs < HEALTH_MS_MAX) break;
  }
  return best as Seen;
}

describe.each([
  ["bodies that hold more than they seem to", BODIES],
  ["long searches", SEARCHES],
  ["clients that leave things unread or unfinished", CONNECTIONS],
])("%s", (_, attacks) => {
  it.each(Object.entries(attacks))("hold nobody up, and take no memory for long: %s", async (_name, attack) => {
    const seen = await bestOf(attack);
    expect(seen.healthMs).toBeLessThan(HEALTH_MS_MAX);
    expect(seen.memoryMib - idleMib).toBeLessThan(MEMORY_MIB_MAX);
  });
});

it("idle connections leave the store its files, and others a way in", async () => {
  const data = join(folder, "few-files");
  const port = await freePort();
  const command = ["/bin/sh", "-c", `ulimit -n 200; exec "${process.execPath}" dist/local.mjs`];
  const few = await startServer({ dataDir: data, port, logFile: join(folder, "few-log"), command });
  try {
    await fetch(`${few.url}/v1/topics/t`, { method: "PUT", body: '{"queues":1}', headers: json });
    const flood = (CONNECTIONS["400 idle connections"] as Attack)(few.url, "t");
    const body = JSON.stringify({ entries: Array.from({ length: 100 }, () => ({ body: "x".repeat(9_000) })) });
    for (let sent = 0; sent < 40; sent++) {
      const answer = await fetch(`${few.url}/v1/topics/t/messages/batch`, { method: "POST", body, headers: json });
      expect(answer.status).toBe(200);
      expect(await answer.text()).not.toContain("error");
    }
    const { healthMs } = await watch(few, () => flood);
    expect(healthMs).toBeLessThan(1_000);
  } finally {
    await few.stop();
  }
}, 60_000);
