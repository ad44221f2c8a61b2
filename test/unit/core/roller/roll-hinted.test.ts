import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../../core/create-broker.ts";
import { anchorKey, FORMAT_KEY, indexPk, queuePk, ROLL_HINTS_PK, ROLL_SWEEP_KEY } from "../../../../core/keys.ts";
import type { RollGauges } from "../../../../core/ports/gauges.ts";
import type { ItemStore } from "../../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../../core/ports/object-store.ts";
import { brokerOverTable } from "../../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { around } from "./failing-stores.ts";
import { HOUR_MS, MINUTE_MS } from "./rolled-store.ts";

const random = new SeededRandom(1);

async function handlers(format = 4) {
  const table = brokerOverTable(SHARED_STORE);
  await table.items.put({ ...FORMAT_KEY, v: format });
  const broker = await table.process();
  const { topic } = await broker.putTopic("orders", { queues: 1 });
  const send = async (messages: number): Promise<void> => {
    for (let sent = 0; sent < messages; sent++) await broker.sendMessages("orders", [{ body: random.bytes(300) }]);
  };
  const maintain = (by: RunningBroker = broker) => by.maintain({ untilMs: table.clock.nowMs() + MINUTE_MS });
  const hints = async () => (await table.items.query({ pk: ROLL_HINTS_PK, limit: 10 })).items;
  const rolledTo = async () => (await table.items.get(anchorKey(topic.uid, 0)))?.rn ?? 0;
  return { table, broker, topic, send, maintain, hints, rolledTo };
}

describe("handlers that share a store", () => {
  it("roll a queue some minutes after a sender hinted at it, and leave its blocks where they are", async () => {
    const { table, topic, send, maintain, hints, rolledTo } = await handlers();
    // The first sweep finds nothing yet.
    expect(await maintain()).toMatchObject({ complete: true });
    await send(1_023);
    expect(await hints()).toHaveLength(0);
    await send(77);
    expect(await hints()).toHaveLength(1);
    expect([(await maintain()).complete, await rolledTo()]).toEqual([true, 0]);
    table.pass(11 * MINUTE_MS);
    expect([(await maintain()).complete, await rolledTo(), await hints()]).toEqual([true, 1_100, []]);
    expect((await table.items.query({ pk: queuePk(topic.uid, 0), limit: 10_000 })).items).toHaveLength(1_100);
    expect((await table.items.query({ pk: indexPk(topic.uid, 0), limit: 10 })).items).toHaveLength(1);
  });

  it("find within six hours what no hint told of", async () => {
    const { table, send, maintain, rolledTo } = await handlers();
    await maintain();
    await send(1_020);
    table.pass(5 * HOUR_MS);
    await maintain();
    expect(await rolledTo()).toBe(0);
    table.pass(HOUR_MS);
    expect([(await maintain()).complete, await rolledTo()]).toEqual([true, 1_020]);
  });

  it("go on with a sweep where its time was over", async () => {
    const { table, broker, maintain } = await handlers();
    for (const name of ["a", "b", "c"]) await broker.putTopic(name, { queues: 1 });
    const over = await broker.maintain({ untilMs: table.clock.nowMs() });
    expect(over).toMatchObject({ complete: false });
    expect((await table.items.get(ROLL_SWEEP_KEY))?.n).toBe("");
    table.pass(5 * HOUR_MS);
    expect(await maintain()).toMatchObject({ complete: true });
    expect((await table.items.get(ROLL_SWEEP_KEY))?.n).toBeUndefined();
  });

  it("go on in the next run where their time was over in the middle of a queue, and say meanwhile how much is left", async () => {
    const { table, broker, maintain, rolledTo } = await handlers();
    await maintain();
    const count = 2_600;
    for (let sent = 0; sent < count; sent++) await broker.sendMessages("orders", [{ body: random.bytes(3_900) }]);
    table.pass(40 * MINUTE_MS);
    const told: RollGauges[] = [];
    const put: ObjectStore["put"] = async (key, bytes) => {
      await table.objects.put(key, bytes);
      table.pass(2 * MINUTE_MS);
    };
    const objects = { put, getRange: table.objects.getRange.bind(table.objects) };
    const slow = await table.process(undefined, undefined, { objects, onRollGauges: (gauges) => told.push(gauges) });
    expect((await maintain(slow)).complete).toBe(false);
    const rolled = Number(await rolledTo());
    expect(rolled).toBeGreaterThan(2_000);
    expect(rolled).toBeLessThan(count);
    expect(told.at(-1)?.oldestUnrolledMs).toBeGreaterThan(40 * MINUTE_MS);
    expect((told.at(-1)?.unrolledBytes ?? 0) / (count - rolled) / 3_950).toBeCloseTo(1, 1);
    expect([(await maintain()).complete, await rolledTo()]).toEqual([true, count]);
    await maintain(slow);
    expect(told.at(-1)).toEqual({ unrolledBytes: 0, oldestUnrolledMs: 0 });
  });

  it("go on with a topic that a sweep was in the middle of", async () => {
    const { table, broker, maintain } = await handlers();
    await broker.putTopic("many", { queues: 2 });
    const count = 2_600;
    for (let sent = 0; sent < 2 * count; sent++) await broker.sendMessages("many", [{ body: random.bytes(3_900) }]);
    for (const hint of (await table.items.query({ pk: ROLL_HINTS_PK, limit: 10 })).items) await table.items.delete(hint);
    table.pass(HOUR_MS);
    const put: ObjectStore["put"] = async (key, bytes) => {
      await table.objects.put(key, bytes);
      table.pass(2 * MINUTE_MS);
    };
    const slow = await table.process(undefined, undefined, { objects: { ...table.objects, put } as ObjectStore });
    expect((await maintain(slow)).complete).toBe(false);
    expect((await maintain()).complete).toBe(true);
    const { uid } = await broker.getTopic("many");
    const rolledTo = async (queueId: number) => Number((await table.items.get(anchorKey(uid, queueId)))?.rn ?? 0);
    expect((await rolledTo(0)) + (await rolledTo(1))).toBe(2 * count);
  });

  it("roll nothing before the store has the format that tells older versions", async () => {
    const { table, broker, send, maintain, hints, rolledTo } = await handlers(3);
    await send(1_100);
    table.pass(HOUR_MS);
    expect([(await maintain()).complete, await rolledTo(), await hints()]).toEqual([true, 0, []]);
    await broker.raiseFormat();
    expect([(await maintain()).complete, await rolledTo()]).toEqual([true, 1_100]);
  });

  it("let a reader that is far behind find segments, and read 10,000 messages of one queue in few calls", async () => {
    const { table, broker, send, maintain } = await handlers();
    await send(10_000);
    table.pass(11 * MINUTE_MS);
    await maintain();
    const calls = { query: 0, object: 0 };
    const { items } = around({ items: table.items, objects: table.objects }, (apply) => apply());
    const counted: ItemStore = {
      ...items,
      query: (...call) => {
        calls.query++;
        return items.query(...call);
      },
    };
    const objects = {
      put: table.objects.put.bind(table.objects),
      getRange: (...call: Parameters<typeof table.objects.getRange>) => {
        calls.object++;
        return table.objects.getRange(...call);
      },
    };
    const reader = await table.process(counted, undefined, { objects });
    let count = 0;
    for (let offset = 0; offset < 10_000; ) {
      const found = await reader.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 1_000_000, waitMs: 0 });
      if (found.status === "OFFSET_ILLEGAL") break;
      count += found.messages.length;
      offset = found.nextOffset;
    }
    expect([count, broker === reader]).toEqual([10_000, false]);
    expect(calls.object).toBeLessThanOrEqual(14);
    // Each pull asks where the queue begins and ends; few ask for blocks as well.
    expect(calls.query / (10_000 / 32)).toBeLessThan(2.3);
  });
});
