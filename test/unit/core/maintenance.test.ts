import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { DEPARTURES_PK } from "../../../core/keys.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { Item, ItemStore } from "../../../core/ports/item-store.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";

const DAY_MS = 86_400_000;

/** A broker whose store can be listed whole, and whose clock can be moved. */
async function setUp() {
  const written = new Map<string, { pk: string; sk: string }>();
  const memory = new MemoryItemStore();
  const note = (pk: string, sk: string): void => void written.set(`${pk}/${sk}`, { pk, sk });
  const items: ItemStore = {
    get: (key) => memory.get(key),
    batchGet: (keys) => memory.batchGet(keys),
    query: (query) => memory.query(query),
    delete: (key, options) => memory.delete(key, options),
    put: (item, options) => {
      note(item.pk, item.sk);
      return memory.put(item, options);
    },
    update: (key, changes, options) => {
      note(key.pk, key.sk);
      return memory.update(key, changes, options);
    },
    transact: (writes) => {
      for (const write of writes)
        note(write.kind === "put" ? write.item.pk : write.key.pk, write.kind === "put" ? write.item.sk : write.key.sk);
      return memory.transact(writes);
    },
  };
  let nowMs = 1_800_000_000_000;
  const broker = await testBroker({
    items,
    clock: { nowMs: () => nowMs, sleep: async () => undefined },
  });
  const left = async (): Promise<readonly string[]> => {
    const there = await Promise.all([...written.values()].map((key) => memory.get(key)));
    return there.filter((item): item is Item => item !== undefined).map(({ pk, sk }) => `${pk}/${sk}`);
  };
  return {
    broker,
    left,
    pass: (ms: number) => {
      nowMs += ms;
    },
    tick: () => broker.maintain({ untilMs: nowMs + 60_000 }),
    departures: async () => (await memory.query({ pk: DEPARTURES_PK, limit: 100 })).items.length,
  };
}

type Stage = Awaited<ReturnType<typeof setUp>>;

async function furnish({ broker }: Stage): Promise<void> {
  for (const topic of ["orders", "returns"]) await broker.putTopic(topic, { queues: 2 });
  for (const group of ["billing", "stock"]) {
    await broker.putGroup(group, {});
    for (const topic of ["orders", "returns"]) await broker.putSubscription(group, topic, { startFrom: "earliest" });
  }
  for (const topic of ["orders", "returns"])
    await broker.sendMessages(topic, [{ body: new Uint8Array(10) }, { body: new Uint8Array(10) }]);
}

/** Items that are neither messages, which go by their own expiry, nor the store's own. */
const leftovers = async (stage: Stage): Promise<readonly string[]> =>
  (await stage.left()).filter((key) => !/^(q#|meta\/|secret\/|count\/(topics|groups)$)/.test(key));

describe("what deletions leave behind", () => {
  it.each([
    ["topics first", ["topic", "group"]],
    ["groups first", ["group", "topic"]],
  ])("goes in the end, %s", async (_, order) => {
    const stage = await setUp();
    await furnish(stage);
    for (const kind of order) {
      const names = kind === "topic" ? ["orders", "returns"] : ["billing", "stock"];
      for (const name of names) {
        if (kind === "topic") await stage.broker.deleteTopic(name, { dryRun: false });
        else await stage.broker.deleteGroup(name, { dryRun: false });
      }
    }
    expect(await stage.tick()).toMatchObject({ departures: 0, complete: true });
    stage.pass(FLIGHT_MS_MAX + 1);
    await stage.tick();
    stage.pass(FLIGHT_MS_MAX + 1);
    await stage.tick();
    expect(await leftovers(stage)).toEqual([]);
  });

  it("touches nothing of a topic or group made anew under the same name", async () => {
    const stage = await setUp();
    await furnish(stage);
    await stage.broker.deleteTopic("orders", { dryRun: false });
    await stage.broker.putTopic("orders", { queues: 2 });
    await stage.broker.putSubscription("billing", "orders", { startFrom: "earliest" });
    await stage.broker.deleteGroup("stock", { dryRun: false });
    await stage.broker.putGroup("stock", {});
    await stage.broker.putSubscription("stock", "returns", { startFrom: "earliest" });
    stage.pass(DAY_MS);
    await stage.tick();
    stage.pass(DAY_MS);
    await stage.tick();
    expect(await stage.departures()).toBe(0);
    await stage.broker.sendMessages("orders", [{ body: new Uint8Array([1]) }]);
    for (const [group, topic] of [
      ["billing", "orders"],
      ["stock", "returns"],
    ] as const) {
      const { subscriptions } = await stage.broker.getGroup(group);
      expect(subscriptions.map((subscription) => subscription.topic)).toContain(topic);
      await expect(stage.broker.receiveMessages(group, { topics: [topic], max: 1, waitMs: 0 })).resolves.toHaveLength(1);
    }
  });

  it("stops when its time is over, and goes on the next time", async () => {
    const stage = await setUp();
    await furnish(stage);
    for (const group of ["billing", "stock"]) await stage.broker.deleteGroup(group, { dryRun: false });
    stage.pass(DAY_MS);
    const before = await stage.departures();
    expect(before).toBeGreaterThan(0);
    expect(await stage.broker.maintain({ untilMs: 0 })).toEqual({ departures: 0, complete: false });
    expect(await stage.tick()).toEqual({ departures: before, complete: true });
  });
});
