import { expect, it } from "vitest";
import { MemoryItemStore } from "../../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import type { Consumption } from "../../../../adapters/telemetry.ts";
import { SHARED_STORE } from "../../../../core/broker-settings.ts";
import { testBroker } from "../../../support/broker/broker-over-table.ts";
import { JumpingClock } from "../../../support/clocks/jumping-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { KeyFiles } from "./key-files.ts";

const MINUTE_MS = 60_000;
/** What 1,250 segments come to at the worst: fifteen of level 0, fifteen of level 1, and four of level 2. */
const FILES = 34;

it("finds a key over 1,250 segments by 40 reads of objects and 12 read units", async () => {
  const used: Consumption[] = [];
  const telemetry = { consumed: (one: Consumption) => used.push(one) };
  const clock = new JumpingClock();
  const stores = { items: new MemoryItemStore(telemetry), objects: new MemoryObjectStore(telemetry) };
  const open = () => testBroker({ ...stores, clock, settings: SHARED_STORE });
  const broker = await open();
  await broker.putTopic("orders", { queues: 4 });
  const random = new SeededRandom(1);
  await broker.maintain({ untilMs: clock.nowMs() + MINUTE_MS });
  for (let sent = 0; sent < 4_000; sent++)
    await broker.sendMessages("orders", [{ body: random.bytes(1_000), keys: [`order-${sent}`] }]);
  clock.pass(11 * MINUTE_MS);
  await broker.maintain({ untilMs: clock.nowMs() + MINUTE_MS });
  const files = new KeyFiles(1, stores);
  files.nowMs = clock.nowMs();
  for (let added = 0; added < FILES; added++) await files.add(1_900);

  const reader = await open();
  const query = { limit: 32, maxBytes: 1 << 22 };
  await reader.queryMessages("orders", { ...query, key: "order-1" });
  used.length = 0;
  const found = await reader.queryMessages("orders", { ...query, key: "order-2000" });
  expect(found).toMatchObject({ items: [{ keys: ["order-2000"] }], complete: true });
  const reads = used.filter(({ store, operation }) => store === "objects" && operation === "getRange").length;
  const readUnits = used.reduce((sum, one) => sum + one.readUnits, 0);
  console.log(`a lookup over ${FILES + 1} key files: ${reads} reads of objects, ${readUnits} read units`);
  expect(reads).toBeLessThanOrEqual(40);
  expect(reads).toBeGreaterThan(FILES);
  expect(readUnits).toBeLessThanOrEqual(12);
});
