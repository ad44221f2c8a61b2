import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { SHARD_LEASES_KEY } from "../../../core/keys.ts";
import type { ItemStore, TransactWrite } from "../../../core/ports/item-store.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const RUN_MS = 65_000;

/** The store, and what a scanner's calls take. */
const storeThat = (items: ItemStore, calls: Partial<ItemStore>): ItemStore => ({
  get: (key, options) => items.get(key, options),
  batchGet: (keys, options) => items.batchGet(keys, options),
  query: (query) => items.query(query),
  put: (item, options) => items.put(item, options),
  update: (key, changes, options) => items.update(key, changes, options),
  delete: (key, options) => items.delete(key, options),
  transact: (writes, options) => items.transact(writes, options),
  ...calls,
});

async function texts(broker: RunningBroker): Promise<readonly string[]> {
  const page = await broker.pullMessages("orders", 0, { from: { offset: 0 }, limit: 32, maxBytes: 100_000, waitMs: 0 });
  return page.status === "FOUND" ? page.messages.map(({ body }) => Buffer.from(body).toString()) : [];
}

describe("a message that comes back to the time it was moved from", () => {
  it("is delivered while a scanner still clears the tombstone that it replaced", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const { clock, items } = table;
    const setUp = await table.process();
    await setUp.putTopic("orders", { type: "DELAY", queues: 1 });
    const dueMs = clock.nowMs() + 5_000;
    const [receipt] = await setUp.sendMessages("orders", [{ body: Buffer.from("back"), deliverAtMs: dueMs }]);
    if (!receipt || !("recallHandle" in receipt)) throw receipt;
    await setUp.rescheduleMessage("orders", receipt.recallHandle, dueMs + RUN_MS);
    // It is on its way when the time comes, and a scanner has found the tombstone.
    const slow = storeThat(items, { transact: (writes) => clock.sleep(300).then(() => items.transact(writes)) });
    const stuck = storeThat(items, { delete: (key, options) => clock.sleep(20_000).then(() => items.delete(key, options)) });
    const [mover, scanner] = [await table.process(slow), await table.process(stuck)];
    const scanned = scanner.scan({ untilMs: clock.nowMs() + RUN_MS });
    await clock.sleep(dueMs - 1 - clock.nowMs());
    await mover.rescheduleMessage("orders", receipt.recallHandle, dueMs);
    await clock.sleep(2_000);
    expect(await texts(setUp)).toEqual(["back"]);
    await scanned;
  });
});

describe("a run that ends in the middle of a look", () => {
  const PAGE = 8;
  const WANTED = Array.from({ length: 32 }, (_, at) => String(at));

  /** What was delivered by a run of so long, and by another after it. */
  async function deliveredBy(runMs: number): Promise<readonly string[]> {
    const table = brokerOverTable(SHARED_STORE);
    const { clock, items } = table;
    const setUp = await table.process();
    await setUp.putTopic("orders", { type: "MIXED", queues: 1 });
    const dueMs = clock.nowMs() + 1_000;
    await setUp.sendMessages(
      "orders",
      WANTED.map((text, at) => ({ body: Buffer.from(text), messageGroup: "a", deliverAtMs: dueMs + at })),
    );
    table.pass(2_000);
    const slow = storeThat(items, {
      query: (query) => clock.sleep(100).then(() => items.query({ ...query, limit: Math.min(query.limit, PAGE) })),
      transact: (writes) => clock.sleep(150).then(() => items.transact(writes)),
      update: async (key, changes, options) => {
        if (key.sk === SHARD_LEASES_KEY.sk) await clock.sleep(1_000);
        return items.update(key, changes, options);
      },
    });
    await (await table.process(slow)).scan({ untilMs: clock.nowMs() + runMs });
    await setUp.scan({ untilMs: clock.nowMs() + RUN_MS });
    return texts(setUp);
  }

  it("delivers nothing out of its order, wherever it was", async () => {
    for (let runMs = 1_000; runMs < 2_500; runMs += 20) expect(await deliveredBy(runMs), `${runMs} ms`).toEqual(WANTED);
  });
});

describe("a scanner that starts", () => {
  it("does not wait for a slow queue before it scans for others", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const { clock, items } = table;
    const setUp = await table.process();
    for (const topic of ["slow", "orders"]) await setUp.putTopic(topic, { type: "DELAY", queues: 1 });
    const { uid } = await setUp.getTopic("slow");
    const dueMs = clock.nowMs() + 1_000;
    await setUp.sendMessages("slow", [{ body: Buffer.from("slow"), deliverAtMs: dueMs }]);
    await setUp.sendMessages("orders", [{ body: Buffer.from("quick"), deliverAtMs: dueMs + 500 }]);
    const isSlow = (write: TransactWrite): boolean => write.kind === "put" && write.item.pk.startsWith(`q#${uid}`);
    const scanner = await table.process(
      storeThat(items, {
        transact: async (writes) => {
          if (writes.some(isSlow)) await clock.sleep(20_000);
          return items.transact(writes);
        },
      }),
    );
    await clock.sleep(dueMs - clock.nowMs());
    const scanned = scanner.scan({ untilMs: clock.nowMs() + RUN_MS });
    await clock.sleep(2_500);
    expect(await texts(setUp)).toEqual(["quick"]);
    await scanned;
  });
});
