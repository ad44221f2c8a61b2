import { expect, it } from "vitest";
import { MemoryItemStore } from "../../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../../adapters/memory/memory-object-store.ts";
import type { Consumption } from "../../../../adapters/telemetry.ts";
import { testBroker } from "../../../support/broker/broker-over-table.ts";
import { JumpingClock } from "../../../support/clocks/jumping-clock.ts";

const WEEK_MS = 7 * 24 * 3_600_000;
const WEEKS = 20;

it("does not walk through the offsets of a queue that have expired and were never rolled", async () => {
  const used: Consumption[] = [];
  const telemetry = { consumed: (one: Consumption) => used.push(one) };
  const clock = new JumpingClock();
  const stores = { items: new MemoryItemStore(telemetry), objects: new MemoryObjectStore(telemetry) };
  const broker = await testBroker({ ...stores, clock });
  await broker.putTopic("rare", { queues: 1, retentionHours: 1 });
  // Each week the chain has expired, and starts again 65,536 offsets further on.
  for (let week = 1; week <= WEEKS; week++) {
    clock.pass(WEEK_MS);
    await broker.sendMessages("rare", [{ body: Buffer.from("x"), keys: [`week-${week}`] }]);
  }
  used.length = 0;
  const found = await broker.queryMessages("rare", { key: `week-${WEEKS}`, limit: 32, maxBytes: 1 << 20 });
  expect(found).toMatchObject({ items: [{ offset: (WEEKS - 1) * 65_536 }], complete: true });
  expect(used.length).toBeLessThan(20);
});
