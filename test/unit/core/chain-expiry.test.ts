import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const HOUR_MS = 3_600_000;

it("a block that is given a longer life does not outlive the one that another handler puts behind it", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const first = await table.process();
  await first.putTopic("orders", { queues: 1, retentionHours: 1 });
  const send = async (broker = first) => (await broker.sendMessages("orders", [{ body: Buffer.from("x") }]))[0];
  await send();
  const { uid } = await first.getTopic("orders");
  const blocks = async () => (await table.items.query({ pk: `q#${uid}#0`, limit: 10 })).items;
  const [block] = await blocks();
  // Just before the block needs a longer life to be written behind.
  table.pass((block?.x as number) * 1_000 - HOUR_MS - 1_000 - table.clock.nowMs());
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { items } = table;
  const put: ItemStore["put"] = async (item, options) => {
    if (item.pk.startsWith("q#")) await held;
    return items.put(item, options);
  };
  const bound = (method: ItemStore["put"]): ItemStore => ({
    get: items.get.bind(items),
    batchGet: items.batchGet.bind(items),
    query: items.query.bind(items),
    put: method,
    update: items.update.bind(items),
    delete: items.delete.bind(items),
    transact: items.transact.bind(items),
  });
  const slow = await table.process(bound(put));
  const slowly = send(slow);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  // Another handler finds the block near its end, and gives it a longer life; its own message comes too late.
  table.pass(2_000);
  const late = await table.process(
    bound(() => Promise.reject(new StoreUnavailable("not-applied", "throttled", "too many at once"))),
  );
  await send(late);
  release();
  await slowly;
  const [full, behind] = await blocks();
  expect(full?.x).toBeGreaterThan(block?.x as number);
  expect(behind?.x).toBeGreaterThanOrEqual(full?.x as number);
});
