import { describe, expect, it } from "vitest";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { BrokerStores } from "../../../functions/stores/broker-stores.ts";
import { functionContext, memoryFunction, memoryScanner, memoryStores, someKey } from "../../support/function-fixture.ts";
import { functionUrlEvent } from "../../support/function-url-event.ts";

const { key, hash } = someKey();
const TICK = { time: "2026-01-01T00:00:00Z" };

/** The scanner, and the API on the same stores; `ring` is its doorbell. */
async function setUp(ring: () => unknown = () => undefined, stores: BrokerStores = memoryStores()) {
  const { scan, lines } = memoryScanner(() => stores);
  const { api } = memoryFunction({ API_KEY_SHA256: hash }, () => stores, { ring: async () => void ring() });
  const call = async (method: string, target: string, value?: unknown) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const body = Buffer.from(value === undefined ? "" : JSON.stringify(value));
    const result = await api.handler(functionUrlEvent(method, target, headers, body), functionContext());
    expect(result.statusCode, result.body).toBeLessThan(300);
    return JSON.parse(result.body ?? "");
  };
  await call("PUT", "/v1/topics/t", { type: "DELAY", queues: 1 });
  const send = (delaySeconds: number) => call("POST", "/v1/topics/t/messages", { body: "x", delaySeconds });
  const delivered = async () => (await call("GET", "/v1/topics/t/queues/0/messages?offset=0")).messages.length;
  return { scan, lines, stores, send, delivered };
}

describe("the scanner function", () => {
  it("delivers what is due within the minute, and logs a line with the tick", async () => {
    const { scan, lines, send, delivered } = await setUp();
    await send(0.3);
    await send(0.1);
    await scan(TICK, functionContext(75_000));
    expect(await delivered()).toBe(2);
    expect(lines).toMatchObject([
      { msg: "scan", tick: TICK.time, lambdaRequestId: "lambda-request", fired: 2, parked: 0, durationMs: expect.any(Number) },
    ]);
  });

  it("ends at once where nothing is due within a minute, without a line", async () => {
    const { scan, lines, send } = await setUp();
    await send(90);
    const startedAt = performance.now();
    await scan(TICK, functionContext(75_000));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(lines).toEqual([]);
  });

  it("ends in good time before it is cut off, whatever is due then", async () => {
    const { scan, send } = await setUp();
    await send(30);
    const startedAt = performance.now();
    await scan(TICK, functionContext(10_500));
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(400);
    expect(tookMs).toBeLessThan(5_000);
  });

  it("is rung for what is due before the next tick", async () => {
    const runs: Promise<void>[] = [];
    const { scan, lines, send, delivered } = await setUp(() => runs.push(scan({}, functionContext(75_000))));
    await send(90);
    expect(runs).toHaveLength(0);
    await send(0.3);
    expect(runs).toHaveLength(1);
    await runs[0];
    expect(await delivered()).toBe(1);
    expect(lines).toMatchObject([{ msg: "scan", fired: 1 }]);
    expect(lines[0]).not.toHaveProperty("tick");
  });

  it("fails a run in which something failed, in one line, and delivers with the next", async () => {
    const stores = memoryStores();
    const { scan, lines, send, delivered } = await setUp(undefined, stores);
    await send(0.1);
    const get = stores.items.get.bind(stores.items);
    const throttled = new StoreUnavailable("not-applied", "throttled", "too hot");
    stores.items.get = (key) => (key.pk === "topic" ? Promise.reject(throttled) : get(key));
    await expect(scan(TICK, functionContext(11_000))).rejects.toThrow("too hot");
    expect(lines).toMatchObject([{ msg: "scan failed", tick: TICK.time, fired: 0, err: { message: "too hot" } }]);
    expect(lines[0]?.failures).toBeGreaterThan(0);
    stores.items.get = get;
    await scan(TICK, functionContext(75_000));
    expect(await delivered()).toBe(1);
    expect(lines.slice(1)).toMatchObject([{ msg: "scan", fired: 1 }]);
  });

  it("fails a run whose store is away, and works with the next", async () => {
    let opened = 0;
    const { scan, lines } = memoryScanner(() => {
      if (opened++ === 0) throw new StoreUnavailable("not-applied", "unavailable", "away");
      return memoryStores();
    });
    await expect(scan({}, functionContext())).rejects.toThrow("away");
    expect(lines).toMatchObject([{ msg: "scan failed", failures: 1, err: { message: "away" } }]);
    await scan({}, functionContext());
    await scan({}, functionContext());
    expect(lines).toHaveLength(1);
    expect(opened).toBe(2);
  });
});
