import { createHash } from "node:crypto";
import pino from "pino";
import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { REQUEST_RUN_MS_MAX } from "../../../core/limits.ts";
import type { Item, ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { ApiKeyGuard } from "../../../functions/http/access/api-key-guard.ts";
import { createApp } from "../../../functions/http/app.ts";
import { BackgroundSends } from "../../../functions/http/bounds/background-sends.ts";
import { LongPolls } from "../../../functions/http/bounds/long-polls.ts";
import { RequestMemory } from "../../../functions/http/bounds/request-memory.ts";
import { keyedRequest } from "../../../functions/http/idempotency-key.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

/** One table, over which servers come and go; whoever sleeps moves the clock. */
function setUp(guard?: ApiKeyGuard) {
  const items = new MemoryItemStore();
  const objects = new MemoryObjectStore();
  let nowMs = 1_800_000_000_000;
  let servers = 0;
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const start = (store: ItemStore = items): Promise<RunningBroker> =>
    testBroker({
      items: store,
      objects,
      clock,
      random: new SeededRandom(++servers),
    });
  const serve = async (store: ItemStore = items) => {
    const broker = await start(store);
    const app = createApp({
      broker,
      clock,
      random: new SeededRandom(++servers),
      signer: hmacSigner,
      guard,
      log: pino({ level: "silent" }),
      cursorKey: broker.signingKey,
      longPolls: new LongPolls(),
      background: new BackgroundSends(() => undefined),
      memory: new RequestMemory(1 << 20),
    });
    const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
      const response = await app.request(path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json", "Idempotency-Key": "k-1", ...headers },
      });
      const replayed = response.headers.get("idempotency-replayed") === "true";
      return { status: response.status, text: await response.text(), replayed };
    };
    return { broker, post };
  };
  const pass = (ms: number): number => {
    nowMs += ms;
    return nowMs;
  };
  return { items, start, serve, pass };
}

async function prepare(broker: RunningBroker): Promise<void> {
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", { leaseSeconds: 3_600 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
}

const stored = async (broker: RunningBroker): Promise<number> =>
  (await broker.topicQueues("orders")).reduce((sum, { maxOffset }) => sum + maxOffset, 0);

const left = async (broker: RunningBroker): Promise<number> =>
  (await broker.receiveMessages("billing", { max: 32, waitMs: 0 })).length;

describe("a repeat of a request whose server lost a write or died", () => {
  const cases = [
    { what: "send", path: "/v1/topics/orders/messages", body: { body: "x" }, effect: stored, before: 0, after: 1 },
    {
      what: "batch",
      path: "/v1/topics/orders/messages/batch",
      body: { entries: [{ body: "a" }, { body: "b" }, { body: "c" }] },
      effect: stored,
      before: 0,
      after: 3,
    },
    { what: "receive", path: "/v1/groups/billing/receive", body: { max: 2 }, effect: left, before: 3, after: 1 },
  ];

  it.each(cases.flatMap((one) => FAULTS.map((fault) => ({ ...one, fault }))))(
    "has one effect in all: $what, $fault",
    async (one) => {
      const { path, body, fault } = one;
      let met = 0;
      for (let write = 0; ; write++) {
        const { items, start, serve, pass } = setUp();
        const first = await start();
        await prepare(first);
        for (let sent = 0; sent < one.before; sent++) await first.sendMessages("orders", [{ body: Buffer.from("x") }]);
        const { store, reached, applyLate } = faulty(items, write, fault);
        const victim = await (await serve(store)).post(path, body);
        const successor = await serve();
        const atOnce = await successor.post(path, body);
        expect([200, 201, 409], `write ${write}: ${atOnce.text}`).toContain(atOnce.status);
        if (victim.status < 300 && !fault.startsWith("crash"))
          expect(atOnce, `write ${write}`).toEqual({ ...victim, replayed: true });
        pass(REQUEST_RUN_MS_MAX);
        const late = await successor.post(path, body);
        expect(late.status, `write ${write}: ${late.text}`).toBeLessThan(300);
        await applyLate();
        expect(await (await serve()).post(path, body), `write ${write}`).toEqual({ ...late, replayed: true });
        expect(await one.effect((await serve()).broker), `write ${write}`).toBe(one.after);
        if (!reached()) break;
        met++;
      }
      // The claim, what the request itself writes, and the answer.
      expect(met).toBeGreaterThanOrEqual(3);
    },
  );
});

describe("an Idempotency-Key", () => {
  it("is known to its caller alone, and no credentials are stored", async () => {
    const [mine, yours] = ["my-secret-key", "your-secret-key"];
    const guard = new ApiKeyGuard([mine, yours].map((key) => createHash("sha256").update(key).digest()));
    const { items, serve } = setUp(guard);
    const puts: Item[] = [];
    const recording: ItemStore = {
      ...faulty(items, Number.POSITIVE_INFINITY, "late").store,
      put(item, options) {
        puts.push(item);
        return items.put(item, options);
      },
    };
    const { broker, post } = await serve(recording);
    await prepare(broker);
    const ask = (key: string, body: object) => post("/v1/groups/billing/receive", body, { Authorization: `Bearer ${key}` });
    expect(await ask(mine, { max: 1 })).toMatchObject({ status: 200, replayed: false });
    expect(await ask(yours, { max: 2 })).toMatchObject({ status: 200, replayed: false });
    expect(await ask(mine, { max: 1 })).toMatchObject({ status: 200, replayed: true });
    expect(await ask(mine, { max: 2 })).toMatchObject({ status: 422 });
    expect(puts.some(({ pk }) => pk.startsWith("i#"))).toBe(true);
    expect(JSON.stringify(puts)).not.toMatch(/secret-key|Bearer/);
  });

  it("is answered anew while a part of the answer is an error that may pass", async () => {
    const { items, serve } = setUp();
    let down = false;
    const away = () => Promise.reject(new StoreUnavailable("not-applied", "throttled", "slow down"));
    const { broker, post } = await serve({
      ...faulty(items, Number.POSITIVE_INFINITY, "late").store,
      // What is known of requests is kept elsewhere.
      update: (key, changes, options) => (down && !key.pk.startsWith("i#") ? away() : items.update(key, changes, options)),
      transact: (writes) => (down ? away() : items.transact(writes)),
    });
    await prepare(broker);
    const twice = async (path: string, body: object) => {
      down = true;
      const failed = await post(path, body);
      expect([failed.status, failed.text]).toEqual([200, expect.stringContaining("STORE_UNAVAILABLE")]);
      down = false;
      const mended = await post(path, body);
      expect(mended).toMatchObject({ status: 200, replayed: false });
      expect(mended.text).not.toContain("error");
      expect(await post(path, body)).toEqual({ ...mended, replayed: true });
    };
    await twice("/v1/topics/orders/messages/batch", { entries: [{ body: "a" }, { body: "b" }] });
    expect(await stored(broker)).toBe(2);
    const [a, b] = await broker.receiveMessages("billing", { max: 2, waitMs: 0 });
    await twice("/v1/groups/billing/settle", { acks: [{ receiptHandle: a?.receiptHandle }] });
    await twice("/v1/groups/billing/ack", { receiptHandles: [b?.receiptHandle] });
  });

  it("takes checks whose answer is too large to keep only once, and answers those again that are still to be answered", async () => {
    const { serve, pass } = setUp();
    const { broker, post } = await serve();
    await broker.putTopic("payments", { type: "TRANSACTION", queues: 1 });
    const body = Buffer.alloc(200 * 1_024, "x");
    const options = { producerGroup: "till", checkAfterMs: 1_000 };
    const first = await broker.sendHalfMessage("payments", { body }, options);
    const second = await broker.sendHalfMessage("payments", { body }, options);
    const scan = (ms: number) => broker.scan({ untilMs: pass(ms) + 2_500 });
    const path = "/v1/producer-groups/till/checks/receive";
    const numbersOf = (text: string) =>
      (JSON.parse(text) as { checks: { transactionId: string; checkNumber: number }[] }).checks.map(
        ({ transactionId, checkNumber }) => [transactionId, checkNumber],
      );

    await scan(2_000);
    const answer = await post(path, { max: 2 });
    expect(numbersOf(answer.text)).toEqual([
      [first.transactionId, 1],
      [second.transactionId, 1],
    ]);
    expect(await post(path, { max: 2 })).toEqual({ ...answer, replayed: true });

    await broker.endTransaction(first.transactionId, "commit");
    const rest = await post(path, { max: 2 });
    expect([rest.replayed, numbersOf(rest.text)]).toEqual([true, [[second.transactionId, 1]]]);

    // The next check is another question, which goes to whoever receives it.
    await scan(60_000);
    const over = await post(path, { max: 2 });
    expect([over.replayed, numbersOf(over.text)]).toEqual([true, []]);
    expect(await broker.receiveChecks("till", { max: 2, maxBytes: 1 << 20, waitMs: 0 })).toMatchObject([{ checkNumber: 2 }]);
  });

  it("stands for one payload, whatever part of it differs", () => {
    const identity = { key: "k", id: "id" };
    const payload = { query: "a=1", headers: [["ce-id", "1"] as const], body: Buffer.from("x") };
    const known = keyedRequest(identity, payload);
    expect(keyedRequest(identity, { ...payload, headers: [["accept", "*/*"], ...payload.headers] })).toEqual(known);
    for (const other of [{ query: "" }, { headers: [] }, { headers: [["ce-id", "2"] as const] }, { body: undefined }]) {
      expect(keyedRequest(identity, { ...payload, ...other }).fingerprint, JSON.stringify(other)).not.toBe(known.fingerprint);
    }
  });
});
