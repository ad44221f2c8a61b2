import { expect, it } from "vitest";
import { MemoryItemStore } from "../../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import type { Consumption } from "../../../../adapters/telemetry.ts";
import { SHARED_STORE } from "../../../../core/broker-settings.ts";
import { testBroker } from "../../../support/broker/broker-over-table.ts";
import { JumpingClock } from "../../../support/clocks/jumping-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { HOUR_MS, MINUTE_MS } from "./rolled-store.ts";

const MESSAGES = 10_000;
const BODY_BYTES = 1_000;

async function metered() {
  const used: Consumption[] = [];
  const telemetry = { consumed: (one: Consumption) => used.push(one) };
  const clock = new JumpingClock();
  const stores = { items: new MemoryItemStore(telemetry), objects: new MemoryObjectStore(telemetry) };
  const open = (settings = SHARED_STORE) => testBroker({ ...stores, clock, settings });
  const broker = await open();
  await broker.putTopic("orders", { queues: 1 });
  const maintain = () => broker.maintain({ untilMs: clock.nowMs() + MINUTE_MS });
  const costOf = async (work: () => Promise<unknown>) => {
    used.length = 0;
    await work();
    const sum = (of: (one: Consumption) => number) => used.reduce((total, one) => total + of(one), 0);
    return {
      writeUnits: sum(({ writeUnits }) => writeUnits),
      readUnits: sum(({ readUnits }) => readUnits),
      puts: used.filter(({ store, operation }) => store === "objects" && operation === "put").length,
      gets: used.filter(({ store, operation }) => store === "objects" && operation === "getRange").length,
    };
  };
  return { broker, open, clock, maintain, costOf };
}

it("rolls 10,000 messages of a kilobyte for 0.02 write units and 0.16 read units each, in two objects, and reads them in 14 calls", async () => {
  const { broker, open, clock, maintain, costOf } = await metered();
  const random = new SeededRandom(1);
  await maintain();
  for (let sent = 0; sent < MESSAGES; sent++) await broker.sendMessages("orders", [{ body: random.bytes(BODY_BYTES) }]);
  clock.pass(11 * MINUTE_MS);
  const rolling = await costOf(maintain);
  expect(rolling.writeUnits / MESSAGES).toBeLessThanOrEqual(0.02);
  expect(rolling.readUnits / MESSAGES).toBeLessThanOrEqual(0.16);
  expect(rolling.puts).toBeLessThanOrEqual(2);
  const reader = await open();
  const cold = await costOf(async () => {
    for (let offset = 0; offset < MESSAGES; ) {
      const found = await reader.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 1 << 22, waitMs: 0 });
      if (found.status === "OFFSET_ILLEGAL") throw new Error(`offset ${offset} is gone`);
      offset = found.nextOffset;
    }
  });
  expect(cold.gets).toBeGreaterThan(5);
  expect(cold.gets).toBeLessThanOrEqual(14);
});

it("costs a tick one read unit where there is nothing to roll, and no object where queues have little", async () => {
  const { broker, clock, maintain, costOf } = await metered();
  await broker.putTopic("many", { queues: 50 });
  for (let sent = 0; sent < 200; sent++) await broker.sendMessages("many", [{ body: Buffer.alloc(100) }]);
  clock.pass(11 * MINUTE_MS);
  expect(await costOf(maintain)).toMatchObject({ puts: 0 });
  const tick = await costOf(maintain);
  expect(tick).toMatchObject({ writeUnits: 0, puts: 0 });
  // One more than maintenance cost before, for a glance at what may have been deleted.
  expect(tick.readUnits).toBeLessThanOrEqual(3);
});

it("puts no object for 10,000 queues with ten messages each, and looks at each for little more than a read unit", async () => {
  const { open, clock, maintain, costOf } = await metered();
  const broker = await open({ ...SHARED_STORE, queueChoice: "roundRobin" });
  const [topics, queues] = [100, 100];
  for (let topic = 0; topic < topics; topic++) await broker.putTopic(`topic-${topic}`, { queues });
  const ten = Array.from({ length: 10 }, () => ({ body: Buffer.alloc(100) }));
  for (let topic = 0; topic < topics; topic++)
    for (let queue = 0; queue < queues; queue++) await broker.sendMessages(`topic-${topic}`, ten);
  const filled = await broker.topicQueues("topic-7");
  expect(filled.filter(({ maxOffset }) => maxOffset === 10)).toHaveLength(queues);
  clock.pass(HOUR_MS);
  const sweep = await costOf(async () => {
    while (!(await maintain()).complete);
  });
  expect(sweep.puts).toBe(0);
  expect(sweep.readUnits / (topics * queues)).toBeLessThanOrEqual(2);
});
