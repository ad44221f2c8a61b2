import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { LOOPBACK_WEBHOOKS, startDecidingEndpoint } from "../support/http/deciding-endpoint.ts";
import { Api } from "../support/http/http-api.ts";
import { createGroup, createTopic, eventually, receiveCount, send, settle } from "../support/http/http-fixtures.ts";

const LINE = /^[^\n]+\n$/;

describe("PROTOCOL 8.2 the embedded server as a process", () => {
  let folder: string;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "apogee-process-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "close");
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const start = (environment: Record<string, string>, args: readonly string[] = []) => {
    const child = spawn(process.execPath, ["--import", "tsx", "functions/local.ts", ...args], {
      env: { ...process.env, HOST: "127.0.0.1", PORT: "0", DATA_DIR: join(folder, "data"), ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const output = { out: "", err: "" };
    child.stdout.on("data", (chunk) => {
      output.out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output.err += chunk;
    });
    const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
    return { child, ended, output };
  };

  /** Starts a server and answers once it has logged where it listens. */
  const listen = async (environment: Record<string, string> = {}) => {
    const { child, ended, output } = start(environment);
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout?.on("data", () => {
        const line = output.out.split("\n").find((text) => text.includes('"listening"'));
        if (line !== undefined) resolve(JSON.parse(line).url);
      });
      child.once("close", () => reject(new Error(`the server ended: ${output.err}`)));
    });
    return { child, ended, url, api: new Api({ baseUrl: () => url }) };
  };

  it("says in one line that a setting is none, and exits with 1", async () => {
    const { code, err } = await start({ PORT: "http" }).ended;
    expect(code).toBe(1);
    expect(err).toMatch(LINE);
    expect(err).toContain("PORT must be a whole number");
  });

  it("says in one line that an option or a variable is misspelt, and exits with 1", async () => {
    const ended = [start({}, ["--prot", "9999"]).ended, start({ DATA_DIR: "", DATADIR: "x" }).ended] as const;
    const [option, variable] = await Promise.all(ended);
    expect(option).toMatchObject({ code: 1, err: expect.stringMatching(LINE) });
    expect(option.err).toContain("Did you mean '--port'?");
    expect(variable).toMatchObject({ code: 1, err: expect.stringMatching(LINE) });
    expect(variable.err).toContain("Did you mean DATA_DIR?");
  });

  it("shows its options and its version, and exits with 0", async () => {
    const [help, version] = await Promise.all([start({}, ["--help"]).ended, start({}, ["--version"]).ended]);
    expect(help).toMatchObject({ code: 0, err: "", out: expect.stringContaining("--data-dir <value>") });
    expect(version).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  it("logs who was refused what, and what befell messages", async () => {
    const { child, ended, api, url } = await listen();
    const topic = await createTopic(api);
    const group = await createGroup(api, [topic], { maxAttempts: 1 });
    await send(api, topic, { body: "poison" });
    const [message] = await receiveCount(api, group, 1);
    await settle(api, group, { nacks: [{ receiptHandle: message!.receiptHandle, reason: "cannot be read" }] });
    expect((await api.get("/v1/topics/no-such-topic")).status).toBe(404);
    expect((await fetch(`${url}/nowhere`)).status).toBe(404);
    child.kill("SIGTERM");
    const lines = (await ended).out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const address = "127.0.0.1";
    expect(lines).toContainEqual(
      expect.objectContaining({
        level: 40,
        event: "deadLettered",
        group,
        topic,
        attempts: 1,
        reason: "cannot be read",
        offset: 0,
      }),
    );
    expect(lines).toContainEqual(expect.objectContaining({ path: "/v1/topics/no-such-topic", code: "TOPIC_NOT_FOUND", address }));
    expect(lines).toContainEqual(expect.objectContaining({ path: "/nowhere", status: 404, code: "NOT_FOUND", address }));
    for (const line of lines.filter(({ status }) => status < 400)) expect(line).not.toHaveProperty("code");
  });

  it("finishes a redrive in the background, also one that it was stopped in", async () => {
    const first = await listen();
    const topic = await createTopic(first.api, { queues: 1 });
    const group = await createGroup(first.api, [topic], { maxAttempts: 1 });
    for (let index = 0; index < 7; index++) await send(first.api, topic, { body: `m${index}` });
    const messages = await receiveCount(first.api, group, 7);
    await settle(first.api, group, { deadLetters: messages.map(({ receiptHandle }) => ({ receiptHandle, reason: "x" })) });
    const path = `/v1/groups/${group}/dlq/redrive`;
    const { json } = await first.api.post(path, { ratePerSecond: 1 });
    expect(json.state).toBe("RUNNING");
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(0);
    const second = await listen();
    const done = await eventually(async () => {
      const job = (await second.api.get(`${path}/${json.jobId}`)).json;
      return job.state === "RUNNING" ? undefined : job;
    });
    expect(done).toMatchObject({ state: "DONE", moved: 7 });
  });

  it("counts the consumers that only poll", async () => {
    const { api } = await listen();
    const group = await createGroup(api, [await createTopic(api)]);
    const polls = [1, 2].map(() => api.post(`/v1/groups/${group}/receive`, { waitSeconds: 2 }));
    await eventually(async () => ((await api.get(`/v1/groups/${group}`)).json.consumersOnline === 2 ? true : undefined));
    await Promise.all(polls);
  });

  it("takes two keys while one is replaced", async () => {
    const [next, old] = ["n".repeat(32), "o".repeat(32)];
    const { url } = await listen({ API_KEY: `${next},${old}` });
    const status = async (key: string) =>
      (await fetch(`${url}/v1/topics`, { headers: { Authorization: `Bearer ${key}` } })).status;
    expect([await status(next), await status(old), await status(`${next},${old}`)]).toEqual([200, 200, 401]);
  });

  it("says in one line that its port or its folder is taken, and exits with 1", async () => {
    const { child, url } = await listen();
    const port = await start({ PORT: new URL(url).port, DATA_DIR: join(folder, "other") }).ended;
    expect(port).toMatchObject({ code: 1, err: expect.stringMatching(LINE) });
    expect(port.err).toContain(`${new URL(url).host} is in use`);
    const clients = await start({ PORT: "0", GRPC_PORT: new URL(url).port, DATA_DIR: join(folder, "third") }).ended;
    expect(clients).toMatchObject({ code: 1, err: expect.stringMatching(LINE) });
    expect(clients.err).toContain(`${new URL(url).host} is in use by another process. Set GRPC_PORT`);
    const held = await start({}).ended;
    expect(held).toMatchObject({ code: 1, err: expect.stringMatching(LINE) });
    expect(held.err).toContain(process.platform === "linux" ? `is held by process ${child.pid}` : "is held by another process");
    expect(held.err).toContain("--data-dir");
  });

  it("ends on SIGTERM with 0, long polls answered", async () => {
    const { child, ended, api } = await listen();
    const group = await createGroup(api, [await createTopic(api)]);
    const polling = api.post(`/v1/groups/${group}/receive`, { waitSeconds: 20 });
    // The poll is waiting once a request that came after it has been answered.
    await api.get("/healthz");
    const startedAt = performance.now();
    child.kill("SIGTERM");
    expect((await polling).json).toEqual({ messages: [] });
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(out.trim().split("\n").at(-1)).toContain('"stopped"');
  });

  it("asks producers at the endpoints that its settings allow", async () => {
    const endpoint = await startDecidingEndpoint();
    try {
      const { api } = await listen(LOOPBACK_WEBHOOKS);
      const topic = await createTopic(api, { type: "TRANSACTION" });
      const group = await createGroup(api, [topic]);
      expect((await api.put(`/v1/producer-groups/${topic}`, { url: endpoint.url })).status).toBe(201);
      const half = { body: "half", producerGroup: topic, checkAfterSeconds: 1 };
      const { transactionId } = (await api.post(`/v1/topics/${topic}/transactions`, half)).json;
      expect(await receiveCount(api, group, 1)).toMatchObject([{ body: "half" }]);
      expect(endpoint.asked).toEqual([transactionId]);
    } finally {
      await endpoint.close();
    }
  });

  it("keeps messages, handles and cursors across a restart", async () => {
    const first = await listen();
    const topic = await createTopic(first.api, { queues: 1 });
    const group = await createGroup(first.api, [topic]);
    await createTopic(first.api);
    for (const body of ["a", "b"]) await send(first.api, topic, { body });
    const [message] = await receiveCount(first.api, group, 1, { leaseSeconds: 60 });
    const { nextCursor } = (await first.api.get("/v1/topics?limit=1")).json;
    first.child.kill("SIGINT");
    expect((await first.ended).code).toBe(0);

    const second = await listen();
    const [acked] = await settle(second.api, group, { acks: [{ receiptHandle: message!.receiptHandle }] });
    expect(acked).toMatchObject({ status: "acked" });
    expect((await second.api.get(`/v1/topics?limit=1&cursor=${nextCursor}`)).status).toBe(200);
    expect(await receiveCount(second.api, group, 1, { max: 10 })).toMatchObject([{ body: "b", attempt: 1 }]);
  });
});
