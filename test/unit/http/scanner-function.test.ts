import { describe, expect, it } from "vitest";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { BrokerStores } from "../../../functions/stores/broker-stores.ts";
import { functionContext, memoryFunction, memoryScanner, memoryStores, someKey } from "../../support/aws/function-fixture.ts";
import { functionUrlEvent } from "../../support/aws/function-url-event.ts";
import { LOOPBACK_WEBHOOKS, startDecidingEndpoint } from "../../support/http/deciding-endpoint.ts";

const { key, hash } = someKey();
const TICK = { time: "2026-01-01T00:00:00Z" };

/** The scanner, and the API on the same stores; `ring` is its doorbell. Both have the environment. */
async function setUp({
  ring = () => undefined,
  stores = memoryStores(),
  environment = {},
}: {
  readonly ring?: () => unknown;
  readonly stores?: BrokerStores;
  readonly environment?: Readonly<Record<string, string>>;
} = {}) {
  const { scan, lines } = memoryScanner(() => stores, environment);
  const doorbell = { ring: async () => void ring() };
  const { api } = memoryFunction({ API_KEY_SHA256: hash, ...environment }, () => stores, doorbell);
  const call = async (method: string, target: string, value?: unknown) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const body = Buffer.from(value === undefined ? "" : JSON.stringify(value));
    const result = await api.handler(functionUrlEvent(method, target, headers, body), functionContext());
    expect(result.statusCode, result.body).toBeLessThan(300);
    return JSON.parse(result.body ?? "");
  };
  await call("PUT", "/v1/topics/t", { type: "DELAY", queues: 1 });
  const send = (delaySeconds: number) => call("POST", "/v1/topics/t/messages", { body: "x", delaySeconds });
  const delivered = async (topic = "t") => (await call("GET", `/v1/topics/${topic}/queues/0/messages?offset=0`)).messages.length;
  return { scan, lines, call, send, delivered };
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
    const { scan, lines, send, delivered } = await setUp({ ring: () => runs.push(scan({}, functionContext(75_000))) });
    await send(90);
    expect(runs).toHaveLength(0);
    await send(0.3);
    expect(runs).toHaveLength(1);
    await runs[0];
    expect(await delivered()).toBe(1);
    expect(lines).toMatchObject([{ msg: "scan", fired: 1 }]);
    expect(lines[0]).not.toHaveProperty("tick");
  });

  it("takes over by a tick from a run that was rung for and ends first", async () => {
    const { scan, lines, send, delivered } = await setUp();
    await send(1.6);
    const rung = scan({}, functionContext(10_800));
    await scan(TICK, functionContext(14_000));
    await rung;
    expect(await delivered()).toBe(1);
    expect(lines).toMatchObject([{ msg: "scan", tick: TICK.time, fired: 1, held: false }]);
  });

  it("asks producers at their endpoints, and does what they say", async () => {
    const endpoint = await startDecidingEndpoint();
    try {
      const { scan, call, delivered } = await setUp({ environment: LOOPBACK_WEBHOOKS });
      await call("PUT", "/v1/topics/half", { type: "TRANSACTION", queues: 1 });
      await call("PUT", "/v1/producer-groups/p", { url: endpoint.url });
      const half = { body: "x", producerGroup: "p", checkAfterSeconds: 1 };
      const { transactionId } = await call("POST", "/v1/topics/half/transactions", half);
      await scan(TICK, functionContext(12_500));
      expect(endpoint.asked).toEqual([transactionId]);
      expect(await delivered("half")).toBe(1);
    } finally {
      await endpoint.close();
    }
  });

  it("goes on where something fails, says so in one line, and delivers with the next", async () => {
    const stores = memoryStores();
    const { scan, lines, send, delivered } = await setUp({ stores });
    await send(0.1);
    const get = stores.items.get.bind(stores.items);
    const throttled = new StoreUnavailable("not-applied", "throttled", "too hot");
    stores.items.get = (key) => (key.pk === "topic" ? Promise.reject(throttled) : get(key));
    await scan(TICK, functionContext(11_000));
    expect(lines).toMatchObject([{ msg: "scan with failures", tick: TICK.time, fired: 0, err: { message: "too hot" } }]);
    expect(lines[0]?.failures).toBeGreaterThan(0);
    stores.items.get = get;
    await scan(TICK, functionContext(75_000));
    expect(await delivered()).toBe(1);
    expect(lines.slice(1)).toMatchObject([{ msg: "scan", fired: 1 }]);
  });

  it("leaves the work to the next tick when it was started again after several failures", async () => {
    const { scan, lines, send, delivered } = await setUp();
    await send(0.1);
    const failedOnce = { requestPayload: TICK };
    const failedOften = { requestPayload: { requestPayload: { requestPayload: failedOnce } } };
    await scan(failedOften, functionContext(75_000));
    expect(await delivered()).toBe(0);
    expect(lines).toMatchObject([{ level: 50 }]);
    await scan(failedOnce, functionContext(75_000));
    expect(await delivered()).toBe(1);
  });

  it("logs metrics of timers that are late, and none of those that are not", async () => {
    const stores = memoryStores();
    const { scan, lines, send } = await setUp({ stores, environment: { DEPLOYMENT: "Apogee" } });
    await send(0.1);
    const transact = stores.items.transact.bind(stores.items);
    const throttled = new StoreUnavailable("not-applied", "throttled", "too hot");
    const stuckUntilMs = performance.now() + 4_000;
    stores.items.transact = (writes, options) =>
      performance.now() < stuckUntilMs ? Promise.reject(throttled) : transact(writes, options);
    await scan(TICK, functionContext(18_000));
    const metrics = lines.filter((line) => "_aws" in line);
    expect(metrics).toMatchObject([
      {
        Deployment: "Apogee",
        DueTimersWaiting: 1,
        _aws: { CloudWatchMetrics: [{ Namespace: "Apogee", Dimensions: [["Deployment"]] }] },
      },
    ]);
    expect(metrics[0]?.OldestDueTimerSeconds).toBeGreaterThanOrEqual(2);
    expect(metrics[0]).not.toHaveProperty("ChecksNotPosted");
  });

  it("fails a run whose store is away, and works with the next", async () => {
    let opened = 0;
    const { scan, lines } = memoryScanner(() => {
      if (opened++ === 0) throw new StoreUnavailable("not-applied", "unavailable", "away");
      return memoryStores();
    });
    await expect(scan(TICK, functionContext())).rejects.toThrow("away");
    expect(lines).toMatchObject([{ msg: "scan failed", err: { message: "away" } }]);
    await scan(TICK, functionContext());
    await scan(TICK, functionContext());
    expect(lines).toHaveLength(1);
    expect(opened).toBe(2);
  });
});
