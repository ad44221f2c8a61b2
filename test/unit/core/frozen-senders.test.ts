import { beforeEach, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { TOPICS_PK } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { ObjectStore } from "../../../core/ports/object-store.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

/** A process that is frozen for longer than an hour in the middle of a send, while another raises the retention. */

const HOUR_MS = 3_600_000;
const FROZEN_MS = 1.5 * HOUR_MS;

let clock: ManualClock;
let freezesAt: "topic" | "object" | "nothing";
let frozen: RunningBroker;
let other: RunningBroker;

/** The call happens at once, and its caller hears of it later. */
async function heardLate<T>(call: Promise<T>): Promise<T> {
  freezesAt = "nothing";
  const result = await call;
  await clock.sleep(FROZEN_MS);
  return result;
}

beforeEach(async () => {
  clock = new ManualClock();
  freezesAt = "nothing";
  const items = new MemoryItemStore();
  const objects = new MemoryObjectStore();
  const slowItems: ItemStore = {
    get: (key, options) => {
      const call = items.get(key, options);
      return freezesAt === "topic" && key.pk === TOPICS_PK ? heardLate(call) : call;
    },
    batchGet: (keys, options) => items.batchGet(keys, options),
    query: (query) => items.query(query),
    put: (item, options) => items.put(item, options),
    update: (key, changes, options) => items.update(key, changes, options),
    delete: (key, options) => items.delete(key, options),
    transact: (writes) => items.transact(writes),
  };
  const slowObjects: ObjectStore = {
    put: (key, bytes) => {
      const call = objects.put(key, bytes);
      return freezesAt === "object" ? heardLate(call) : call;
    },
    getRange: (key, offset, length) => objects.getRange(key, offset, length),
  };
  frozen = await testBroker({ items: slowItems, objects: slowObjects, clock });
  other = await testBroker({ items, objects, clock });
});

async function sendWhileRaising(where: typeof freezesAt, bytes: number, hours: number) {
  // An object that is named just after the hour lives for nearly two hours more than its messages.
  await clock.pass(1_000);
  freezesAt = where;
  const sent = frozen.sendMessages("orders", [{ body: new SeededRandom(1).bytes(bytes) }]);
  await clock.pass(1_000);
  await other.patchTopic("orders", { retentionHours: hours });
  await clock.pass(FROZEN_MS);
  return sent;
}

it("stores for the retention that is in force when it goes on, not for that which it read before", async () => {
  await other.putTopic("orders", { queues: 1, retentionHours: 1 });
  const [receipt] = await sendWhileRaising("topic", 10, 72);
  expect(receipt).toMatchObject({ offset: 0 });
  await clock.pass(71 * HOUR_MS);
  const request = { from: { offset: 0 }, limit: 1, maxBytes: 1_000, waitMs: 0 };
  expect(await other.pullMessages("orders", 0, request)).toMatchObject({ status: "FOUND", minOffset: 0 });
});

it("stores nothing whose object was written for the retention before", async () => {
  await other.putTopic("orders", { queues: 1, retentionHours: 72 });
  expect(await sendWhileRaising("object", 50_000, 720)).toMatchObject([{ code: "STORE_UNAVAILABLE", effect: "none" }]);
});
