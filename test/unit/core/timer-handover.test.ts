import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { SHARD_LEASES_KEY, timersPk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { besideScanner } from "../../support/broker/held-shards.ts";

const COUNT = 1_500;
const QUERY_MS = 400;
const TRANSACT_MS = 60;
const LEASES_MS = 600;

/** The store behind calls that take a while, so that a run ends while pages are on their way. */
function slowStore(items: ItemStore, sleep: (ms: number) => Promise<void>): ItemStore {
  const timers = new Set(Array.from({ length: TIMER_SHARDS }, (_, shard) => timersPk(shard)));
  return {
    get: (key) => items.get(key),
    batchGet: (keys) => items.batchGet(keys),
    query: async (query) => {
      const page = await items.query(query);
      if (timers.has(query.pk)) await sleep(QUERY_MS);
      return page;
    },
    put: (item, options) => items.put(item, options),
    update: async (key, changes, options) => {
      if (key.pk === SHARD_LEASES_KEY.pk) await sleep(LEASES_MS);
      return items.update(key, changes, options);
    },
    delete: (key, options) => items.delete(key, options),
    transact: async (writes, options) => {
      await sleep(TRANSACT_MS);
      return items.transact(writes, options);
    },
  };
}

it.each([2_700, 2_900, 3_100, 3_300])(
  "keeps the order of a message group of which a page is on its way when a run ends after %i ms",
  async (runMs) => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await broker.putTopic("orders", { type: "MIXED", writeQueues: 1, readQueues: 1 });
    await broker.putGroup("billing", {});
    await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
    const deliverAtMs = table.clock.nowMs() + 1_000;
    const texts = Array.from({ length: COUNT }, (_, at) => String(at));
    for (let from = 0; from < COUNT; from += 100) {
      const some = texts.slice(from, from + 100);
      await broker.sendMessages(
        "orders",
        some.map((text) => ({ body: Buffer.from(text), deliverAtMs, messageGroup: "a" })),
      );
    }
    table.pass(1_000);
    const scanner = await table.process(slowStore(table.items, (ms) => table.clock.sleep(ms)));
    await scanner.scan({ untilMs: table.clock.nowMs() + runMs });
    await scanner.scan({ untilMs: table.clock.nowMs() + 60_000 });
    expect(await receivedTexts(broker, "billing")).toEqual(texts);
  },
);

it("keeps the order of a message group of which one is under way, and fails, when a run takes the shards after its first look", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("orders", { type: "MIXED", writeQueues: 1, readQueues: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const dueMs = table.clock.nowMs() + 1_000;
  const entry = (text: string, deliverAtMs: number) => ({ body: Buffer.from(text), deliverAtMs, messageGroup: "a" });
  await broker.sendMessages("orders", [entry("first", dueMs), entry("second", dueMs + 600)]);
  table.pass(1_000);
  let failures = 0;
  const store: ItemStore = { ...besideScanner(table.items, () => 0) };
  store.get = (key) => table.items.get(key);
  store.transact = async (writes) => {
    if (failures++ > 0) return table.items.transact(writes);
    await table.clock.sleep(900);
    throw new StoreUnavailable("not-applied", "throttled", "too hot");
  };
  const scanner = await table.process(store);
  await scanner.scan({ untilMs: table.clock.nowMs() + 60_000 });
  expect(await receivedTexts(broker, "billing")).toEqual(["first", "second"]);
});
