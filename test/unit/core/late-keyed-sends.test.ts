import { expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { SEND_DEADLINE_MS } from "../../../core/limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { MessageInput } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { besideScanner } from "../../support/broker/held-shards.ts";

const keyed = (key: string): MessageInput => ({ body: Buffer.from(key), once: { kind: "key", key, windowMs: 3_600_000 } });
const numbered = (sequence: number): MessageInput => ({
  body: Buffer.from(`number ${sequence}`),
  once: { kind: "sequence", producerId: "till", sequence },
});

/** The first transaction of another process fails on what it meets, and its reply takes so long. */
async function sentSlowly(replyMs: number, before: MessageInput, entries: readonly MessageInput[]) {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const store: ItemStore = { ...besideScanner(table.items, () => table.clock.nowMs()) };
  let transactions = 0;
  store.transact = async (writes) => {
    if (transactions++ === 0) await broker.sendMessages("orders", [before]);
    const result = await table.items.transact(writes);
    await table.clock.sleep(replyMs);
    return result;
  };
  const slow = await table.process(store);
  const results = await slow.sendMessages("orders", entries);
  return { results, texts: await receivedTexts(broker, "billing") };
}

it("stores what is left of a keyed send while its sender waits", async () => {
  const { results, texts } = await sentSlowly(1_000, keyed("known"), [keyed("known"), keyed("new")]);
  expect(results).toMatchObject([{ duplicate: true }, { duplicate: false }]);
  expect(texts).toEqual(["known", "new"]);
});

it("stores nothing more of a keyed send whose sender has gone", async () => {
  const { results, texts } = await sentSlowly(SEND_DEADLINE_MS, keyed("known"), [keyed("known"), keyed("new")]);
  expect(results).toMatchObject([{ duplicate: true }, { code: "STORE_UNAVAILABLE", effect: "none" }]);
  expect(texts).toEqual(["known"]);
});

it("stores nothing more of a numbered send whose sender has gone", async () => {
  const { results, texts } = await sentSlowly(SEND_DEADLINE_MS, numbered(1), [numbered(1), numbered(2)]);
  expect(results).toMatchObject([{ code: "STORE_UNAVAILABLE", effect: "none" }, { code: "STORE_UNAVAILABLE" }]);
  expect(texts).toEqual(["number 1"]);
});
