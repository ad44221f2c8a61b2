import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { SHARD_LEASES_KEY, timersPk } from "../../../core/keys.ts";
import type { ItemStore, WriteResult } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { ShardLeases } from "../../../core/timer/shard-leases.ts";
import { HANDOVER_MS, SCAN_LEASE_MS, SCAN_RENEW_MS, SCAN_TICK_MS, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { besideScanner, heldShards } from "../../support/broker/held-shards.ts";

const SECOND_MS = 1_000;
const RUN_MS = 65_000;

async function schedule(broker: RunningBroker, delayMs: number, count = 1, topic = "orders"): Promise<void> {
  for (let left = count; left > 0; left -= 100) {
    const entries = Array.from({ length: Math.min(100, left) }, () => ({ body: Buffer.from("x"), delayMs }));
    for (const receipt of await broker.sendMessages(topic, entries)) if (!("recallHandle" in receipt)) throw receipt;
  }
}

async function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("orders", { type: "DELAY", queues: 1 });
  const storedAt = async (): Promise<readonly number[]> => {
    const page = await broker.pullMessages("orders", 0, { from: { offset: 0 }, limit: 32, maxBytes: 1e6, waitMs: 0 });
    return page.status === "FOUND" ? page.messages.map(({ storedAtMs }) => storedAtMs) : [];
  };
  return { ...table, broker, storedAt };
}

/** The store, with updates of the leases as `update` has them. */
const withLeases = (items: ItemStore, update: (apply: () => Promise<WriteResult>) => Promise<WriteResult>): ItemStore => ({
  get: (key) => items.get(key),
  batchGet: (keys) => items.batchGet(keys),
  query: (query) => items.query(query),
  put: (item, options) => items.put(item, options),
  update: (key, changes, options) =>
    key.pk === SHARD_LEASES_KEY.pk ? update(() => items.update(key, changes, options)) : items.update(key, changes, options),
  delete: (key, options) => items.delete(key, options),
  transact: (writes) => items.transact(writes),
});

describe("a scanner", () => {
  it("goes on in time while no reply to a renewal comes", async () => {
    const { items, clock, process, broker, storedAt, failures } = await setUp();
    const startMs = clock.nowMs();
    for (const delayMs of [5, 15, 25, 35, 45, 55]) await schedule(broker, delayMs * SECOND_MS);
    let updates = 0;
    const lossy = withLeases(items, async (apply) => {
      const result = await apply();
      if (++updates === 1) return result;
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    });
    const scanner = await process(lossy);
    await scanner.scan({ untilMs: startMs + RUN_MS });
    expect(await storedAt()).toEqual([5, 15, 25, 35, 45, 55].map((delayMs) => startMs + delayMs * SECOND_MS));
    expect(failures.length).toBeGreaterThan(10);
  });

  it("that is rung beside one who died with the leases takes over when they end", async () => {
    const { items, clock, process, storedAt } = await setUp();
    await items.put(heldShards(clock.nowMs()));
    const runs: Promise<unknown>[] = [];
    const scanner = await process();
    const ring = async () => void runs.push(scanner.scan({ untilMs: clock.nowMs() + RUN_MS, rung: true }));
    const sender = await process(items, { ring });
    await clock.sleep(SECOND_MS);
    const dueMs = clock.nowMs() + 5 * SECOND_MS;
    await schedule(sender, 5 * SECOND_MS);
    expect(runs).toHaveLength(1);
    await Promise.all(runs);
    expect(await storedAt()).toEqual([dueMs]);
  });

  it("is looked after by one who was rung, not by every one", async () => {
    const { items, clock, broker, process } = await setUp();
    await schedule(broker, SCAN_TICK_MS / 2);
    const beside = await process(besideScanner(items, () => clock.nowMs(), clock.nowMs() + 10 * RUN_MS));
    const startMs = clock.nowMs();
    const rung = () => beside.scan({ untilMs: startMs + RUN_MS, rung: true });
    const reports = await Promise.all([rung(), rung(), rung()]);
    expect(reports.every(({ held, fired }) => held && fired === 0)).toBe(true);
    expect(clock.nowMs() - startMs).toBeLessThan(SCAN_LEASE_MS);
    const watchedMs = (await items.get(SHARD_LEASES_KEY))?.w as number;
    expect(watchedMs).toBeGreaterThan(clock.nowMs());
  });

  it("that was rung leaves the shards to one who lives, and whose run ends sooner", async () => {
    const { clock, broker, process, storedAt } = await setUp();
    await schedule(broker, 20 * SECOND_MS);
    const dueMs = clock.nowMs() + 20 * SECOND_MS;
    const [scanner, other] = await Promise.all([process(), process()]);
    const ticked = scanner.scan({ untilMs: clock.nowMs() + 30 * SECOND_MS });
    await clock.sleep(5 * SECOND_MS);
    const rung = await other.scan({ untilMs: clock.nowMs() + RUN_MS, rung: true });
    expect(rung).toEqual({ fired: 0, parked: 0, held: true });
    expect(clock.nowMs()).toBeLessThan(dueMs);
    expect(await ticked).toEqual({ fired: 1, parked: 0, held: false });
    expect(await storedAt()).toEqual([dueMs]);
  });

  it("takes half the shards of one that is behind", async () => {
    const { items, clock, process, broker } = await setUp();
    await schedule(broker, 1, 400);
    clock.pass(10 * SECOND_MS);
    const endsMs = clock.nowMs() + 10 * RUN_MS;
    const behind = Object.fromEntries(Array.from({ length: TIMER_SHARDS }, (_, shard) => [`b${shard}`, 1]));
    await items.put({ ...heldShards(clock.nowMs(), { endsMs }), ...behind });
    const taken: unknown[] = [];
    const store = withLeases(items, async (apply) => {
      const result = await apply();
      const { h0, h1, h2, h3 } = (await items.get(SHARD_LEASES_KEY)) as unknown as Record<string, string>;
      taken.push([h0, h1, h2, h3].filter((holder) => holder !== "other").length);
      return result;
    });
    // Before the leases of the other end.
    await (await process(store)).scan({ untilMs: clock.nowMs() + SCAN_LEASE_MS - 1 });
    expect(taken[0]).toBe(TIMER_SHARDS / 2);
    const left = await Promise.all([0, 1, 2, 3].map((shard) => items.query({ pk: timersPk(shard), limit: 1_000 })));
    const [kept, , ...others] = left.map((page) => page.items.length > 0);
    expect({ kept, others }).toEqual({ kept: true, others: [false, false] });
  });
});

describe("a scanner beside one that is behind", () => {
  it("begins when that one knows, and delivers to the queues of the shards it took", async () => {
    const { items, clock, process, broker } = await setUp();
    const topics = Array.from({ length: 8 }, (_, at) => `orders${at}`);
    for (const topic of topics) {
      await broker.putTopic(topic, { type: "DELAY", queues: 4 });
      await schedule(broker, 1, 40, topic);
    }
    clock.pass(10 * SECOND_MS);
    const startMs = clock.nowMs();
    const behind = Object.fromEntries(Array.from({ length: TIMER_SHARDS }, (_, shard) => [`b${shard}`, 1]));
    await items.put({ ...heldShards(startMs, { endsMs: startMs + 10 * RUN_MS }), ...behind });
    // Before it has done these and takes more.
    const { fired } = await (await process()).scan({ untilMs: startMs + SCAN_RENEW_MS + HANDOVER_MS + SECOND_MS / 2 });
    expect(fired).toBeGreaterThan(100);
    for (const topic of topics)
      for (const { queueId, maxOffset } of await broker.topicQueues(topic)) {
        if (maxOffset === 0) continue;
        expect(queueId).toBeGreaterThanOrEqual(2);
        const page = await broker.pullMessages(topic, queueId, { from: { offset: 0 }, limit: 1, maxBytes: 1e6, waitMs: 0 });
        const [first] = page.status === "FOUND" ? page.messages : [];
        expect(first?.storedAtMs).toBeGreaterThan(startMs + SCAN_RENEW_MS);
      }
  });
});

describe("a tick's scanner that comes in a burst", () => {
  it("leaves that to the one who is at it, and takes the shards when that one has ended", async () => {
    const { items, clock, process, broker, storedAt } = await setUp();
    await schedule(broker, 1, 400);
    clock.pass(SECOND_MS);
    const startMs = clock.nowMs();
    const leavesMs = startMs + 4 * SECOND_MS;
    const held = besideScanner(items, () => clock.nowMs(), leavesMs);
    const scanner = await process({ ...held, get: (key) => (clock.nowMs() < leavesMs ? held : items).get(key) });
    const scanned = scanner.scan({ untilMs: startMs + RUN_MS });
    await clock.sleep(leavesMs - startMs);
    expect(await storedAt()).toEqual([]);
    await new ShardLeases({ items, clock }).release([0, 1, 2, 3], { holder: "other", endsMs: leavesMs, relieves: false });
    expect(await scanned).toEqual({ fired: 400, parked: 0, held: false });
    expect((await storedAt())[0]).toBeLessThan(leavesMs + 2 * SECOND_MS);
  });

  it("says that another was at it where its own run ends before", async () => {
    const { items, clock, process, broker } = await setUp();
    await schedule(broker, 1, 400);
    clock.pass(SECOND_MS);
    const scanner = await process(besideScanner(items, () => clock.nowMs(), clock.nowMs()));
    expect(await scanner.scan({ untilMs: clock.nowMs() + 5 * SECOND_MS })).toEqual({ fired: 0, parked: 0, held: true });
  });
});

describe("leases of shards", () => {
  it("go to whoever comes, those that nobody has and half of those that are behind", async () => {
    const { items, clock } = await setUp();
    const leases = new ShardLeases({ items, clock });
    const holder = (name: string, endsMs: number) => ({ holder: name, endsMs: clock.nowMs() + endsMs, relieves: true });
    const first = holder("first", RUN_MS);
    expect((await leases.take(TIMER_SHARDS, first)).taken).toEqual([0, 1, 2, 3]);
    await leases.renew([0, 1, 2, 3], new Set([0, 1]), TIMER_SHARDS, first);
    expect((await leases.take(TIMER_SHARDS, holder("second", 2 * RUN_MS))).taken).toEqual([2, 3, 1]);
  });
});

describe("servers that share a table", () => {
  it("leave the shards to the one that has them", async () => {
    const { items, clock, process, broker } = await setUp();
    for (let at = 1; at < 12; at++) await schedule(broker, at * 5 * SECOND_MS);
    const holders = new Set<string>();
    const watched = withLeases(items, async (apply) => {
      const result = await apply();
      const { h0 } = (await items.get(SHARD_LEASES_KEY)) as unknown as Record<string, string>;
      if (h0 !== "") holders.add(h0 as string);
      return result;
    });
    const stopping = new AbortController();
    const servers = await Promise.all([process(watched), process(watched), process(watched)]);
    const going = servers.map((server) => server.keepGoing(stopping.signal));
    await clock.sleep(50 * SECOND_MS);
    expect(holders.size).toBe(1);
    stopping.abort();
    await Promise.all(going);
  });

  it("fire each timer once, one of them at it", async () => {
    const { items, clock, process, broker, storedAt } = await setUp();
    await schedule(broker, 10 * SECOND_MS, 30);
    let refused = 0;
    const counting: ItemStore = {
      ...withLeases(items, (apply) => apply()),
      transact: async (writes) => {
        const result = await items.transact(writes);
        if (!result.ok) refused++;
        return result;
      },
    };
    const stopping = new AbortController();
    const servers = await Promise.all([process(counting), process(counting), process(counting)]);
    const going = servers.map((server) => server.keepGoing(stopping.signal));
    await clock.sleep(30 * SECOND_MS);
    stopping.abort();
    await Promise.all(going);
    expect(await storedAt()).toHaveLength(30);
    expect(refused).toBe(0);
  });
});

describe("timer shards", () => {
  it("are raised under a process that has not heard of it, and never lowered", async () => {
    const { items, clock, process, broker, storedAt } = await setUp();
    const raised = await process(items, undefined, { timerShards: 16 });
    const startMs = clock.nowMs();
    await schedule(raised, 30 * SECOND_MS, 20);
    await schedule(broker, 30 * SECOND_MS, 5);
    const pages = await Promise.all(Array.from({ length: 16 }, (_, shard) => items.query({ pk: timersPk(shard), limit: 100 })));
    expect(pages.slice(TIMER_SHARDS).some((page) => page.items.length > 0)).toBe(true);
    const [, lower] = await Promise.all([process(items, undefined, { timerShards: 8 }), process(items)]);
    expect((await lower.listScheduled("orders", { limit: 100 })).items).toHaveLength(25);
    // The one that knows four leaves the others to whoever knows more.
    await Promise.all([broker.scan({ untilMs: startMs + RUN_MS }), lower.scan({ untilMs: startMs + RUN_MS })]);
    expect(await storedAt()).toEqual(new Array(25).fill(startMs + 30 * SECOND_MS));
  });
});
