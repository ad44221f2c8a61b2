import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { functionContext, memoryFunction, memoryStores, someKey } from "../../support/aws/function-fixture.ts";
import { functionUrlEvent } from "../../support/aws/function-url-event.ts";

const { key, hash } = someKey();
const RESULT_BYTES_MAX = 6_291_556;
const MIB = 1_024 * 1_024;

/** The function, called as its URL calls it. */
function setUp(environment: Record<string, string> = {}, openStores = memoryStores) {
  const { api, lines } = memoryFunction({ API_KEY_SHA256: hash, ...environment }, openStores);
  const call = async (
    method: string,
    target: string,
    {
      headers = {},
      body = "",
      remainingMs,
    }: { headers?: Record<string, string>; body?: string | Buffer; remainingMs?: number } = {},
  ) => {
    const event = functionUrlEvent(method, target, { authorization: `Bearer ${key}`, ...headers }, Buffer.from(body));
    const result = await api.handler(event, functionContext(remainingMs));
    const bytes = Buffer.from(result.body ?? "", result.isBase64Encoded ? "base64" : "utf8");
    return { ...result, bytes, text: bytes.toString(), json: () => JSON.parse(bytes.toString()) };
  };
  const json = (method: string, target: string, value: unknown) =>
    call(method, target, { headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
  const publish = (topic: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    call("POST", `/v1/topics/${topic}/publish`, { body, headers: { "content-type": "application/octet-stream", ...headers } });
  const ready = async () => {
    await json("PUT", "/v1/topics/t", { queues: 1 });
    await json("PUT", "/v1/groups/g", {});
    await json("PUT", "/v1/groups/g/subscriptions/t", { startFrom: "earliest" });
  };
  return { api, lines, call, json, publish, ready };
}

describe("a request of a function URL", () => {
  it("is read as it was sent: path, query, headers and bytes", async () => {
    const { call, publish, ready } = setUp();
    await ready();
    const bytes = Buffer.from([0, 0xff, 0xfe, 0x80]);
    expect((await publish("t", bytes, { "x-mq-tag": Buffer.from("größe").toString("latin1") })).statusCode).toBe(201);
    // Headers that were read as UTF-8 on the way, whichever characters they have.
    expect((await publish("t", "x", { "x-mq-tag": "日本" })).statusCode).toBe(201);
    expect((await publish("t", "x", { "x-mq-tag": "größe" })).statusCode).toBe(201);
    const pulled = await call("GET", "/v1/topics/t/queues/0/messages?offset=0&limit=32");
    expect(pulled.json().messages).toMatchObject([
      { body: bytes.toString("base64"), bodyEncoding: "base64", tag: "größe" },
      { body: "x", bodyEncoding: "utf8", tag: "日本" },
      { body: "x", bodyEncoding: "utf8", tag: "größe" },
    ]);
    expect((await call("GET", "/v1/topics?prefix=%74&limit=1")).json().items).toMatchObject([{ name: "t" }]);
    expect((await call("GET", "/v1/topics/a%2Fb")).json().code).toBe("ILLEGAL_TOPIC");
    expect((await call("GET", "/v1/topics/../topics/t")).json().code).toBe("NOT_FOUND");
  });

  it("is refused where its text was no UTF-8, for its bytes are lost", async () => {
    const { publish, call, ready } = setUp();
    await ready();
    const broken = await publish("t", Buffer.from([0x61, 0xff]), { "content-type": "text/plain", "content-length": "2" });
    expect(broken.json()).toMatchObject({ code: "BAD_REQUEST", detail: expect.stringContaining("application/octet-stream") });
    expect((await publish("t", "aé", { "content-type": "text/plain", "content-length": "3" })).statusCode).toBe(201);
    expect((await call("TRACE", "/v1/topics")).json().code).toBe("METHOD_NOT_ALLOWED");
  });
});

describe("the answer of a function", () => {
  it("is text as it is", async () => {
    const { call, ready } = setUp();
    await ready();
    for (const path of ["/v1/topics/t", "/nowhere", "/docs", "/openapi.json"]) {
      expect((await call("GET", path)).isBase64Encoded, path).toBe(false);
    }
    const packed = await call("GET", "/openapi.json", { headers: { "accept-encoding": "gzip" } });
    expect(packed).toMatchObject({ isBase64Encoded: true, headers: { "content-encoding": "gzip" } });
    expect(JSON.parse(gunzipSync(packed.bytes).toString())).toHaveProperty("openapi");
    const head = await call("HEAD", "/v1/topics/t");
    expect(head).toMatchObject({ statusCode: 200, body: "", headers: { etag: expect.any(String) } });
  });

  it.each([
    ["bytes", Buffer.alloc(4 * MIB, 0xff)],
    ["text that JSON need not escape", Buffer.alloc(4 * MIB, "x")],
    ["JSON", Buffer.from(JSON.stringify(Array.from({ length: 250_000 }, () => ({ id: "1234" }))))],
    ["text that JSON must escape", Buffer.alloc(4 * MIB, '"')],
    ["control characters", Buffer.alloc(4 * MIB, 1)],
  ])("fits in what Lambda takes for the largest message, of %s", async (_, body) => {
    const { publish, json, call, ready } = setUp();
    await ready();
    const properties = Object.fromEntries(
      Array.from({ length: 15 }, (_, index) => [`x-mq-property-${index}`, '"'.repeat(1_000)]),
    );
    expect((await publish("t", body, properties)).statusCode).toBe(201);
    const received = await json("POST", "/v1/groups/g/receive", {});
    const pulled = await call("GET", "/v1/topics/t/queues/0/messages?offset=0");
    const tailed = await call("GET", "/v1/topics/t/queues/0/messages?offset=0", { headers: { accept: "text/event-stream" } });
    for (const { statusCode, headers, body, isBase64Encoded } of [received, pulled, tailed]) {
      const size = Buffer.byteLength(JSON.stringify({ statusCode, headers, body, isBase64Encoded }));
      expect(size).toBeGreaterThan(4 * MIB);
      expect(size).toBeLessThan(RESULT_BYTES_MAX);
    }
    const [message] = received.json().messages;
    expect(Buffer.from(message.body, message.bodyEncoding).equals(body)).toBe(true);
  });

  it("fits for a page of many messages, and gives the rest with the next", async () => {
    const { publish, call, json, ready } = setUp();
    await ready();
    const body = Buffer.alloc(255 * 1_024, '"');
    const properties = Object.fromEntries(
      Array.from({ length: 16 }, (_, index) => [`x-mq-property-${index}`, '"'.repeat(1_000)]),
    );
    for (let index = 0; index < 20; index++) await publish("t", body, properties);
    const received = await json("POST", "/v1/groups/g/receive", { max: 32 });
    const pulled = await call("GET", "/v1/topics/t/queues/0/messages?offset=0&limit=32");
    for (const { statusCode, headers, body, isBase64Encoded, json } of [received, pulled]) {
      expect(Buffer.byteLength(JSON.stringify({ statusCode, headers, body, isBase64Encoded }))).toBeLessThan(RESULT_BYTES_MAX);
      expect(json().messages.length).toBeGreaterThan(8);
    }
    const rest = await json("POST", "/v1/groups/g/receive", { max: 32 });
    expect(rest.json().messages).toHaveLength(20 - received.json().messages.length);
    expect(rest.json().messages[0]).toMatchObject({ attempt: 1, offset: String(received.json().messages.length) });
  });

  it("fits for pages of lists whatever is listed, and the pages make up the whole list", async () => {
    const { call, json, ready } = setUp();
    await ready();
    const [readers, letters] = [600, 400];
    const quotes = '"'.repeat(1_000);
    await json("PUT", "/v1/topics/read", { queues: 1 });
    for (let at = 0; at < readers; at++) {
      await json("PUT", `/v1/groups/reader-${at}`, {});
      const filter = { type: "SQL92", expression: `a = '${quotes}${quotes}'` };
      await json("PUT", `/v1/groups/reader-${at}/subscriptions/read`, { filter });
    }
    const properties = Object.fromEntries(Array.from({ length: 15 }, (_, index) => [`p${index}`, quotes]));
    for (let from = 0; from < letters; from += 100) {
      const entries = Array.from({ length: 100 }, () => ({ body: "x", properties }));
      await json("POST", "/v1/topics/t/messages/batch", { entries });
    }
    for (let dead = 0; dead < letters; ) {
      const { messages } = (await json("POST", "/v1/groups/g/receive", { max: 32 })).json();
      const deadLetters = messages.map(({ receiptHandle }: { receiptHandle: string }) => ({ receiptHandle, reason: quotes }));
      await json("POST", "/v1/groups/g/settle", { deadLetters });
      dead += messages.length;
    }
    for (const [path, count] of [
      ["/v1/topics/read/groups?limit=1000", readers],
      ["/v1/groups/g/dlq?limit=1000", letters],
    ] as const) {
      let listed = 0;
      let pages = 0;
      for (let cursor: string | null = ""; cursor !== null; pages++) {
        const { statusCode, headers, body, isBase64Encoded, json } = await call("GET", `${path}${cursor && `&cursor=${cursor}`}`);
        expect(Buffer.byteLength(JSON.stringify({ statusCode, headers, body, isBase64Encoded })), path).toBeLessThan(
          RESULT_BYTES_MAX,
        );
        expect(json().items.length, path).toBeGreaterThan(0);
        listed += json().items.length;
        cursor = json().nextCursor;
      }
      expect(listed, path).toBe(count);
      expect(pages, path).toBeGreaterThan(1);
    }
  });

  it("comes when one-way messages are stored, since the process freezes then", async () => {
    const { items, ...stores } = memoryStores();
    const calls = { begun: 0, ended: 0 };
    const slowItems = slowly(items, calls);
    const { publish, ready } = setUp({}, () => ({ ...stores, items: slowItems }));
    await ready();
    calls.begun = calls.ended = 0;
    expect((await publish("t", "x", { prefer: "return=minimal" })).statusCode).toBe(202);
    expect(calls.begun).toBeGreaterThan(0);
    expect(calls.ended).toBe(calls.begun);
  });
});

/** The same store, each call of which takes a while; counts them. */
function slowly(items: ItemStore, calls: { begun: number; ended: number }): ItemStore {
  return new Proxy(items, {
    get(target, name) {
      const verb: unknown = Reflect.get(target, name);
      if (typeof verb !== "function") return verb;
      return async (...parameters: unknown[]) => {
        calls.begun++;
        await sleep(20);
        const result: unknown = await verb.apply(target, parameters);
        calls.ended++;
        return result;
      };
    },
  });
}

describe("a long poll of a function", () => {
  const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
    const startedAt = performance.now();
    return [await work(), performance.now() - startedAt];
  };

  it("lasts no longer than the setting", async () => {
    const { json, call, ready } = setUp({ LONG_POLL_SECONDS_MAX: "1" });
    await ready();
    const [received, receiveMs] = await timed(() => json("POST", "/v1/groups/g/receive", { waitSeconds: 20 }));
    expect(received.json()).toEqual({ messages: [] });
    const [pulled, pullMs] = await timed(() => call("GET", "/v1/topics/t/queues/0/messages?offset=0&waitSeconds=20"));
    expect(pulled.json().status).toBe("NO_NEW_MSG");
    for (const ms of [receiveMs, pullMs]) {
      expect(ms).toBeGreaterThan(900);
      expect(ms).toBeLessThan(3_000);
    }
  });

  it("leaves time to answer before the function is cut off", async () => {
    const { call, ready } = setUp();
    await ready();
    const [pulled, ms] = await timed(() =>
      call("GET", "/v1/topics/t/queues/0/messages?offset=0&waitSeconds=20", { remainingMs: 2_500 }),
    );
    expect(pulled.json().status).toBe("NO_NEW_MSG");
    expect(ms).toBeLessThan(2_000);
  });
});

describe("an event stream of a function", () => {
  const stream = { headers: { accept: "text/event-stream" } };
  const path = "/v1/topics/t/queues/0/messages";
  const idsOf = (text: string) => Array.from(text.matchAll(/^id: (.+)$/gm), ([, id]) => id);

  it("ends after what is there, and goes on after the last event", async () => {
    const { call, publish, ready } = setUp({ LONG_POLL_SECONDS_MAX: "1" });
    await ready();
    for (const body of ["a", "b"]) await publish("t", body);
    const first = await call("GET", `${path}?offset=0`, stream);
    expect(first.headers).toMatchObject({ "content-type": "text/event-stream" });
    expect(first.text).toMatch(/^retry: \d+\nid: 0\ndata: \{.*"body":"a".*\}\n\nid: 1\ndata: \{.*"body":"b".*\}\n\nid: 1\n\n$/);
    await publish("t", "c");
    const next = await call("GET", `${path}?offset=0`, { headers: { ...stream.headers, "last-event-id": "1" } });
    expect(idsOf(next.text)).toEqual(["2", "2"]);
  });

  it("misses nothing that comes while the client is away, also where nothing had come before", async () => {
    const { call, publish, ready } = setUp({ LONG_POLL_SECONDS_MAX: "1" });
    await ready();
    const nothing = await call("GET", path, stream);
    expect(nothing.text).toMatch(/^retry: \d+\nid: -1\n\n$/);
    await publish("t", "sent in between");
    const [lastEventId = ""] = idsOf(nothing.text);
    const next = await call("GET", path, { headers: { ...stream.headers, "last-event-id": lastEventId } });
    expect(next.text).toContain("sent in between");
  });

  it("waits for what comes", async () => {
    const { call, publish, ready } = setUp();
    await ready();
    const waiting = call("GET", path, stream);
    // The stream waits once a request that came after it has been answered.
    await call("GET", `${path}?offset=0`);
    await publish("t", "live");
    expect((await waiting).text).toContain('"body":"live"');
  });
});

describe("a function that cannot start", () => {
  const away = () => {
    throw new StoreUnavailable("not-applied", "unavailable", "away");
  };

  it("answers 503, and starts with the next request", async () => {
    let opened = 0;
    const { api, call, lines } = setUp({}, () => (++opened <= 2 ? away() : memoryStores()));
    await api.warmUp();
    const refused = await call("GET", "/v1/topics");
    expect(refused).toMatchObject({ statusCode: 503, headers: { "retry-after": "1" } });
    expect(refused.json()).toMatchObject({ code: "STORE_UNAVAILABLE", requestId: refused.headers?.["x-request-id"] });
    expect(lines.some(({ msg }) => msg === "the broker did not start")).toBe(true);
    expect((await call("GET", "/v1/topics")).statusCode).toBe(200);
    expect((await call("GET", "/v1/topics")).statusCode).toBe(200);
    expect(opened).toBe(3);
  });

  it("leaves no stores open behind", async () => {
    let closed = 0;
    const failing = () => {
      const stores = memoryStores();
      stores.items.put = () => Promise.reject(new StoreUnavailable("not-applied", "unavailable", "away"));
      return { ...stores, close: async () => void closed++ };
    };
    const { call } = setUp({}, failing);
    expect((await call("GET", "/v1/topics")).statusCode).toBe(503);
    expect(closed).toBe(1);
  });

  it("still refuses those without a key", async () => {
    const { call } = setUp({}, away);
    const refused = await call("GET", "/healthz", { headers: { authorization: "Bearer x" } });
    expect(refused).toMatchObject({ statusCode: 401, headers: { "www-authenticate": "Bearer" } });
  });

  it("answers nothing but 401 where it knows no key", async () => {
    for (const hashes of ["", "not a hash", `${hash},`]) {
      const { call, lines } = setUp({ API_KEY_SHA256: hashes });
      for (const path of ["/healthz", "/docs", "/openapi.json", "/v1/topics", "/nowhere"]) {
        expect((await call("GET", path)).statusCode, path).toBe(401);
      }
      expect(lines.some(({ msg }) => msg === "no request will be admitted")).toBe(true);
    }
  });
});

describe("the log of a function", () => {
  it("has a line per request with both of its ids, and no key", async () => {
    const { call, lines } = setUp();
    await call("GET", "/v1/topics", { headers: { "x-request-id": "mine" } });
    expect(lines).toMatchObject([
      { requestId: "mine", lambdaRequestId: "lambda-request", address: "127.0.0.1", status: 200, route: "/v1/topics" },
    ]);
    expect(JSON.stringify(lines)).not.toContain(key);
  });
});
