import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../functions/runtime/clock.ts";
import { backUp } from "../../functions/stores/backup.ts";
import { hookedDisk } from "../support/faults/hooked-disk.ts";
import { httpClient } from "../support/http/http-client.ts";
import { freePort, type ServerProcess, startServer } from "../support/server/server-process.ts";
import { audit } from "./audit.ts";
import { createTopicAndGroups, pullEverything } from "./crash-run.ts";
import { fingerprint } from "./fingerprint.ts";
import type { HistoryEvent, Placed } from "./history.ts";
import { drain, GROUPS, runLoad, TOPIC } from "./workload.ts";

const SEED = 7;
/** Sends and acks of the first group before a backup, at least. */
const ENOUGH = 40;
const LOOK_MS = 10;

let folder: string;
let servers: ServerProcess[];

beforeEach(() => {
  mkdirSync(".tmp", { recursive: true });
  folder = mkdtempSync(resolve(".tmp", "backup-"));
  servers = [];
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  rmSync(folder, { recursive: true });
});

async function boot(dataDir: string): Promise<ServerProcess> {
  const server = await startServer({ dataDir, port: await freePort(), logFile: join(folder, "server.log") });
  servers.push(server);
  return server;
}

/** Runs a bundle as users do; answers its exit code and what it said. */
async function run(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk) => (out += chunk));
  child.stderr.on("data", (chunk) => (err += chunk));
  const [code] = await once(child, "close");
  return { code, out, err };
}

const places = (events: readonly HistoryEvent[], kind: "delivered" | "pulled"): Placed[] =>
  events.flatMap((event) => (event.kind === kind && (kind === "pulled" || isOfFirst(event)) ? [event as Placed] : []));
const isOfFirst = (event: HistoryEvent): boolean => "group" in event && event.group === GROUPS[0]?.name;
const isAckOfFirst = (event: HistoryEvent): boolean =>
  event.kind === "settled" && event.action === "ack" && event.outcome === "done" && isOfFirst(event);

/** Until the clients have seen enough sends and acks since an event of the history. */
async function untilEnough(history: readonly HistoryEvent[], since = 0): Promise<void> {
  const seen = (test: (event: HistoryEvent) => boolean) => history.slice(since).filter(test).length;
  while (seen(({ kind }) => kind === "sent") < ENOUGH || seen(isAckOfFirst) < ENOUGH) await sleep(LOOK_MS);
}

const placeOf = ({ queueId, offset }: Placed) => `${queueId}:${offset}`;

test("a backup under load has all that was acknowledged before it, a server starts on it, and the load notices nothing", async () => {
  const [data, copy] = [join(folder, "data"), join(folder, "copy")];
  const server = await boot(data);
  await createTopicAndGroups(server.url);
  const history: HistoryEvent[] = [];
  const record = (event: HistoryEvent) => void history.push(event);
  const stop = new AbortController();
  const load = runLoad({ server: server.url, round: 1, seed: SEED, record, signal: stop.signal });
  await untilEnough(history);
  const before = new Set(history);
  const backup = await run("dist/apogee.mjs", "backup", copy, "--data-dir", data);
  expect(backup).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/is a backup of .*: \d+ items and \d+ objects/) });
  const sinceBackup = history.length;
  await untilEnough(history, sinceBackup);
  stop.abort();
  await server.kill();
  await load;

  const restored = await boot(copy);
  const found: HistoryEvent[] = [];
  const { signal } = new AbortController();
  const draining = {
    server: restored.url,
    round: 2,
    seed: SEED,
    record: (event: HistoryEvent) => void found.push(event),
    signal,
  };
  await drain(draining, GROUPS[0]!);
  await pullEverything(restored.url, draining.record);
  // What was sent later may be in it or not.
  const sends = history.flatMap((event): HistoryEvent[] => {
    if (event.kind !== "sent" && event.kind !== "sendUnknown") return [];
    return event.kind === "sent" && before.has(event) ? [event] : [{ kind: "sendUnknown", body: event.body }];
  });
  expect(audit([...sends, ...found.filter(({ kind }) => kind !== "delivered" && kind !== "settled")], [])).toEqual([]);

  /** Places of messages of the first group that somebody asked to ack. */
  const acked = (events: readonly HistoryEvent[], outcomes: readonly string[]): Set<string> => {
    const handles = new Map(
      events.flatMap((event) => (event.kind === "delivered" && isOfFirst(event) ? [[event.receiptHandle, placeOf(event)]] : [])),
    );
    return new Set(
      events.flatMap((event) =>
        event.kind === "settled" && event.action === "ack" && isOfFirst(event) && outcomes.includes(event.outcome)
          ? [handles.get(event.receiptHandle) ?? ""]
          : [],
      ),
    );
  };
  const again = new Set(places(found, "delivered").map(placeOf));
  const settledBefore = acked([...before], ["done"]);
  expect(settledBefore.size).toBeGreaterThanOrEqual(ENOUGH);
  expect([...settledBefore].filter((place) => again.has(place))).toEqual([]);
  const mayBeSettled = acked(history, ["done", "unknown"]);
  const missing = places(found, "pulled")
    .map(placeOf)
    .filter((place) => !mayBeSettled.has(place) && !again.has(place));
  expect(missing).toEqual([]);

  const original = await boot(data);
  const rest = { ...draining, server: original.url, record };
  await Promise.all(GROUPS.map((group) => drain(rest, group)));
  await pullEverything(original.url, record);
  expect(audit(history, GROUPS).slice(0, 20)).toEqual([]);
});

/** Some 8 MB. */
async function sendMany(url: string, history: HistoryEvent[]): Promise<void> {
  const http = httpClient(url, { connections: 8 });
  const send = async (call: number): Promise<void> => {
    const bodies = Array.from({ length: 8 }, (_, index) => `${call}.${index} ${"x".repeat(1_000)}`);
    const request = JSON.stringify({ entries: bodies.map((body) => ({ body })) });
    const reply = await http.request("POST", `/v1/topics/${TOPIC}/messages/batch`, request);
    expect(reply.status).toBe(200);
    for (const [index, { queueId, offset, messageId }] of JSON.parse(reply.body.toString()).results.entries())
      history.push({ kind: "sent", queueId, offset: Number(offset), messageId, body: fingerprint(bodies[index]!) });
  };
  await Promise.all(Array.from({ length: 1_000 }, (_, call) => send(call)));
  await http.close();
}

test.each(["kill", "stop"] as const)(
  "a server that ends by %s in the middle of a backup has lost nothing, and none starts on the copy",
  async (end) => {
    const [data, copy] = [join(folder, "data"), join(folder, "copy")];
    const server = await boot(data);
    await createTopicAndGroups(server.url);
    const history: HistoryEvent[] = [];
    await sendMany(server.url, history);
    let ended: Promise<void> | undefined;
    const disk = hookedDisk(async (operation) => {
      if (operation !== "batch") return;
      if (ended === undefined) ended = server[end]();
      await ended;
    });
    await expect(backUp(data, copy, systemClock, { disk })).rejects.toThrow(/The server ended before it had sent everything/);

    const refused = await run("dist/local.mjs", "--port", "0", "--data-dir", copy);
    expect(refused).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^apogee: .* is a backup that was not finished.*\n$/),
    });

    const toFolder = (name: string) => run("dist/apogee.mjs", "backup", join(folder, name), "--data-dir", data);
    expect(await toFolder("while-it-is-down")).toMatchObject({ code: 0 });
    await pullEverything((await boot(data)).url, (event) => void history.push(event));
    expect(audit(history, []).slice(0, 20)).toEqual([]);
    expect(await toFolder("while-it-serves")).toMatchObject({ code: 0 });
  },
);

test("the command says in one line why there is no backup", async () => {
  const data = join(folder, "data");
  const backup = (...args: readonly string[]) => run("dist/apogee.mjs", "backup", ...args);
  const line = (text: string) => ({ code: 1, out: "", err: expect.stringMatching(new RegExp(`^apogee: .*${text}.*\\n$`)) });
  expect(await backup()).toMatchObject(line("Which folder is to be written"));
  expect(await backup(join(folder, "copy"), "--datadir", data)).toMatchObject(line("Did you mean '--data-dir'"));
  expect(await backup(join(folder, "copy"), "--data-dir", data)).toMatchObject(line("holds no store"));
  await boot(data);
  expect(await backup(folder, "--data-dir", data)).toMatchObject(line("is not empty"));
});
