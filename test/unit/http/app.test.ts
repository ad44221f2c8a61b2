import { once } from "node:events";
import pino from "pino";
import { describe, expect, it } from "vitest";
import type { Broker } from "../../../core/broker.ts";
import { BrokerError, ERROR_CODES, type ErrorCodeName } from "../../../core/errors.ts";
import { blockKey } from "../../../core/keys.ts";
import { StoreCorrupt, StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { StoredMessage } from "../../../core/terms.ts";
import { createApp } from "../../../functions/http/app.ts";
import { BackgroundSends } from "../../../functions/http/bounds/background-sends.ts";
import { LongPolls } from "../../../functions/http/bounds/long-polls.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { systemClock } from "../../../functions/runtime/clock.ts";
import { createSystemRandom } from "../../../functions/runtime/random.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";
import { stubBroker } from "../../support/http/stub-broker.ts";

const TOPIC = { name: "t", uid: "u", type: "NORMAL", version: 1, createdAtMs: 0, updatedAtMs: 0 } as Awaited<
  ReturnType<Broker["getTopic"]>
>;

/** The app on the web's Request alone, as it runs where there is no node:http. */
function setUp(verbs: Partial<Broker>, options: { memoryBytes?: number } = {}) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const failures: unknown[] = [];
  const memory = new RequestMemory(options.memoryBytes ?? 1 << 20);
  const longPolls = new LongPolls();
  const background = new BackgroundSends((error) => failures.push(error));
  const random = createSystemRandom();
  const broker = stubBroker(verbs);
  const cursorKey = random.bytes(32);
  const app = createApp({
    broker,
    log,
    clock: systemClock,
    random,
    signer: hmacSigner,
    cursorKey,
    longPolls,
    background,
    memory,
  });
  const post = (path: string, body: string, headers: Record<string, string> = { "Content-Type": "application/json" }) =>
    app.request(path, { method: "POST", body, headers });
  return { app, post, lines, failures, memory, longPolls, background };
}

const SEND = "/v1/topics/t/messages";

describe("answers to failures", () => {
  it("tell nothing of what was not foreseen, and log it", async () => {
    const { post, lines } = setUp({ sendMessages: () => Promise.reject(new TypeError("secret detail of the inside")) });
    const response = await post(SEND, '{"body":"x"}');
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toMatch(/secret|TypeError|at /);
    expect(JSON.parse(text)).toMatchObject({ code: "INTERNAL_ERROR", retryable: true, effect: "unknown" });
    const logged = lines.find(({ level }) => level === 50);
    expect(logged).toMatchObject({
      requestId: response.headers.get("x-request-id"),
      err: { message: "secret detail of the inside" },
    });
  });

  it("say that a store does not answer, whether anything happened, and when to come back", async () => {
    const answer = (outcome: "not-applied" | "unknown") =>
      setUp({ sendMessages: () => Promise.reject(new StoreUnavailable(outcome, "throttled", "inside")) }).post(
        SEND,
        '{"body":"x"}',
      );
    const refused = await answer("not-applied");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true, effect: "none" });
    const unknown = await answer("unknown");
    expect(unknown.status).toBe(504);
    expect(await unknown.json()).toMatchObject({ code: "REQUEST_TIMEOUT", retryable: true, effect: "unknown" });
  });

  it("tell that stored data is damaged, and log which", async () => {
    const key = blockKey("secretUid", 3, 70);
    const damage = new StoreCorrupt("block q#secretUid#3 is malformed", { key });
    const { post, lines } = setUp({ sendMessages: () => Promise.reject(damage) });
    const response = await post(SEND, '{"body":"x"}');
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secretUid");
    expect(JSON.parse(text)).toMatchObject({ code: "STORE_CORRUPT", retryable: false, queueId: 3, offset: "70" });
    expect(lines.find(({ level }) => level === 50)).toMatchObject({ key, err: { message: damage.message } });
  });

  it.each(Object.keys(ERROR_CODES) as ErrorCodeName[])("say what they changed, in a problem and in a batch: %s", async (code) => {
    for (const effect of ["none", "unknown"] as const) {
      const { post } = setUp({ sendMessages: () => Promise.resolve([new BrokerError(code, "no", { effect })]) });
      const { retryable, status } = ERROR_CODES[code];
      const one = await post(SEND, '{"body":"x"}');
      expect(one.status).toBe(status);
      expect(await one.json()).toMatchObject({ code, effect, retryable });
      expect(one.headers.has("retry-after")).toBe(status === 429 || status === 503 || code === "REQUEST_IN_PROGRESS");
      const batch = await post(`${SEND}/batch`, '{"entries":[{"body":"x"}]}');
      expect(await batch.json()).toEqual({ results: [{ status: "error", error: { code, detail: "no", retryable, effect } }] });
    }
  });

  it("are logged with what led to them, but for a full disk, of which there may be thousands a second", async () => {
    const warnings = async (reason: "full" | "throttled") => {
      const failure = () => Promise.reject(new StoreUnavailable("not-applied", reason, "inside"));
      const { post, lines } = setUp({ sendMessages: failure, getTopic: failure });
      await post(SEND, '{"body":"x"}');
      return lines.filter(({ level }) => level === 40).length;
    };
    expect(await warnings("throttled")).toBe(1);
    expect(await warnings("full")).toBe(0);
  });

  it("carry the members of the error", async () => {
    const { post } = setUp({
      sendMessages: () =>
        Promise.resolve([new BrokerError("OFFSET_ILLEGAL", "no", { members: { minOffset: "1", maxOffset: "2" } })]),
    });
    expect(await (await post(SEND, '{"body":"x"}')).json()).toMatchObject({ minOffset: "1", maxOffset: "2" });
  });
});

describe("the memory of request bodies", () => {
  it("is bounded, and given back", async () => {
    let proceed = () => {};
    const gate = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const { post, memory } = setUp(
      {
        async sendMessages() {
          await gate;
          return [{ messageId: "m", queueId: 0, offset: 0, duplicate: false }];
        },
      },
      { memoryBytes: 1_500 },
    );
    const body = JSON.stringify({ body: "x".repeat(980) });
    const first = post(SEND, body);
    const second = await post(SEND, body);
    expect(second.status).toBe(503);
    expect(second.headers.get("retry-after")).toBe("1");
    expect(await second.json()).toMatchObject({ code: "SERVER_BUSY" });
    proceed();
    expect((await first).status).toBe(201);
    expect(memory.bytesHeld).toBe(0);
    expect((await post(SEND, body)).status).toBe(201);
  });
});

describe("one-way publishes", () => {
  it("are answered before they are stored, and their failures are told to the log", async () => {
    let fail = (_: Error) => {};
    const { post, failures, background } = setUp({
      getTopic: () => Promise.resolve(TOPIC),
      sendMessages: () => new Promise((_, reject) => (fail = reject)),
    });
    const response = await post("/v1/topics/t/publish", "x", { Prefer: "respond-async, return=minimal; foo" });
    expect(response.status).toBe(202);
    expect(failures).toEqual([]);
    fail(new Error("disk full"));
    await background.idle();
    expect(failures).toMatchObject([{ message: "disk full" }]);
  });

  it("are bounded", async () => {
    const { post, background } = setUp({ getTopic: () => Promise.resolve(TOPIC), sendMessages: () => new Promise(() => {}) });
    for (let index = 0; index < 1_000; index++) background.start(1, () => new Promise(() => {}));
    const response = await post("/v1/topics/t/publish", "x", { Prefer: "return=minimal" });
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("1");
  });
});

describe("the access log", () => {
  it("has a line per request, without query, body or secrets", async () => {
    const { post, app, lines } = setUp({
      sendMessages: () => Promise.resolve([{ messageId: "m", queueId: 0, offset: 0, duplicate: false }]),
    });
    const response = await post(SEND, '{"body":"my secret"}', {
      "Content-Type": "application/json",
      Authorization: "Bearer secret",
    });
    await app.request("/nowhere?token=secret");
    expect(lines).toMatchObject([
      {
        requestId: response.headers.get("x-request-id"),
        method: "POST",
        path: SEND,
        route: "/v1/topics/{topic}/messages",
        status: 201,
        durationMs: expect.any(Number),
      },
      { method: "GET", path: "/nowhere", status: 404 },
    ]);
    expect(JSON.stringify(lines)).not.toContain("secret");
  });
});

describe("long polls", () => {
  const waiting = (seen: AbortSignal[]): Partial<Broker> => ({
    async receiveMessages(_group, _request, signal) {
      if (signal === undefined) return [];
      seen.push(signal);
      if (!signal.aborted) await once(signal, "abort");
      return [];
    },
  });

  it("end when the client goes away", async () => {
    const seen: AbortSignal[] = [];
    const { app } = setUp(waiting(seen));
    const controller = new AbortController();
    const headers = { "Content-Type": "application/json" };
    const request = new Request("http://x/v1/groups/g/receive", {
      method: "POST",
      body: '{"waitSeconds":20}',
      headers,
      signal: controller.signal,
    });
    const response = app.fetch(request);
    setTimeout(() => controller.abort(), 10);
    expect((await response).status).toBe(200);
    expect(seen[0]?.aborted).toBe(true);
  });

  it("all end when the server stops, with what they have", async () => {
    const seen: AbortSignal[] = [];
    const { post, longPolls } = setUp(waiting(seen));
    const polls = [1, 2, 3].map(() => post("/v1/groups/g/receive", '{"waitSeconds":20}'));
    setTimeout(() => longPolls.endAll(), 10);
    for (const poll of polls) expect(await (await poll).json()).toEqual({ messages: [] });
    expect(await (await post("/v1/groups/g/receive", '{"waitSeconds":20}')).json()).toEqual({ messages: [] });
  });

  it("have no signal when there is nothing to wait for", async () => {
    const seen: AbortSignal[] = [];
    const { post } = setUp(waiting(seen));
    expect((await post("/v1/groups/g/receive", "{}")).status).toBe(200);
    expect(seen).toEqual([]);
  });
});

describe("live tails", () => {
  const message = (offset: number): StoredMessage => ({
    messageId: `m${offset}`,
    queueId: 0,
    offset,
    bornAtMs: 0,
    storedAtMs: 0,
    tag: undefined,
    keys: [],
    properties: new Map(),
    messageGroup: undefined,
    priority: undefined,
    body: Buffer.from("two\nlines"),
  });

  it("beat while nothing comes, and end with an event when the queue is gone", async () => {
    const pulls: (() => ReturnType<Broker["pullMessages"]>)[] = [
      async () => ({ status: "FOUND", messages: [message(0)], nextOffset: 1, minOffset: 0, maxOffset: 1 }),
      async () => ({ status: "NO_NEW_MSG", messages: [], nextOffset: 1, minOffset: 0, maxOffset: 1 }),
      async () => {
        throw new BrokerError("TOPIC_NOT_FOUND", "It was deleted.");
      },
    ];
    const { app } = setUp({ pullMessages: () => pulls.shift()!() });
    const response = await app.request("/v1/topics/t/queues/0/messages?offset=0", { headers: { Accept: "text/event-stream" } });
    const events = (await response.text()).split("\n\n");
    expect(events[0]).toMatch(/^id: 0\ndata: \{.*\}$/);
    expect(events[1]).toBe(": heartbeat");
    expect(events[2]).toMatch(/^event: error\ndata: .*TOPIC_NOT_FOUND/);
    expect(events[3]).toBe("");
  });
});
