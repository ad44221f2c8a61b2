import { beforeEach, describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { Filter } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";

const A: Filter = { type: "TAG", expression: "a" };
const B: Filter = { type: "SQL92", expression: "TAGS = 'b'" };
const CACHE_MS = 2_001;

let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(async () => {
  table = brokerOverTable(SHARED_STORE);
  broker = await table.process();
  await broker.putTopic("orders", { queues: 1 });
});

const declare = (by = broker, filter = A, makeGroup: object | undefined = { ordered: true, maxAttempts: 3 }) =>
  by.declareSubscription("billing", "orders", { filter, makeGroup });
const send = (...tags: readonly string[]) =>
  broker.sendMessages(
    "orders",
    tags.map((tag) => ({ body: Buffer.from(tag), tag })),
  );
const stored = async () => (await broker.getSubscription("billing", "orders")).filter;

/** A store that counts the calls of a process. */
function counting(inner: ItemStore) {
  const calls = { reads: 0, writes: 0 };
  const reading = <T>(call: Promise<T>): Promise<T> => {
    calls.reads++;
    return call;
  };
  const writing = <T>(call: Promise<T>): Promise<T> => {
    calls.writes++;
    return call;
  };
  const store: ItemStore = {
    get: (key, options) => reading(inner.get(key, options)),
    batchGet: (keys, options) => reading(inner.batchGet(keys, options)),
    query: (query) => reading(inner.query(query)),
    put: (item, options) => writing(inner.put(item, options)),
    update: (key, changes, options) => writing(inner.update(key, changes, options)),
    delete: (key, options) => writing(inner.delete(key, options)),
    transact: (writes) => writing(inner.transact(writes)),
  };
  return { store, calls };
}

describe("a subscription that a client declares", () => {
  it("reads what comes from then on where messages have expired", async () => {
    await send("a", "a");
    await table.clock.sleep(73 * 3_600_000);
    await send("a");
    await declare();
    await send("a");
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
  });

  it("is made with its group, and reads from the start where nothing was lost", async () => {
    await send("a");
    expect(await declare()).toMatchObject({ created: true, replaced: undefined, subscription: { filter: A } });
    expect((await broker.getGroup("billing")).group).toMatchObject({ ordered: true, maxAttempts: 3 });
    await send("a", "b");
    expect(await receivedTexts(broker, "billing")).toEqual(["a", "a"]);
  });

  it("leaves a group that is there as it is", async () => {
    await broker.putGroup("billing", { maxAttempts: 7 });
    expect(await declare()).toMatchObject({ created: true });
    expect((await broker.getGroup("billing")).group).toMatchObject({ ordered: false, maxAttempts: 7 });
  });

  it("needs a group where none is to be made, and a topic, and leaves nothing behind without them", async () => {
    const wrong = (group: string, topic: string, request: { filter: Filter; makeGroup?: object }) =>
      expect(broker.declareSubscription(group, topic, request)).rejects;
    await wrong("billing", "orders", { filter: A }).toMatchObject({ code: "CONSUMER_GROUP_NOT_FOUND" });
    await wrong("billing", "none", { filter: A, makeGroup: {} }).toMatchObject({ code: "TOPIC_NOT_FOUND" });
    await wrong("billing", "orders", { filter: { type: "SQL92", expression: "(" }, makeGroup: {} }).toMatchObject({
      code: "ILLEGAL_FILTER_EXPRESSION",
    });
    await wrong("", "orders", { filter: A, makeGroup: {} }).toMatchObject({ code: "ILLEGAL_CONSUMER_GROUP" });
    await wrong("billing", "%x", { filter: A, makeGroup: {} }).toMatchObject({ code: "ILLEGAL_TOPIC" });
    expect((await broker.listGroups({ limit: 10 })).items).toEqual([]);
  });

  it("costs no write when nothing changes, and no read when it was declared just now", async () => {
    const { store, calls } = counting(table.items);
    const other = await table.process(store);
    await declare();
    Object.assign(calls, { reads: 0, writes: 0 });
    expect(await declare(other)).toMatchObject({ created: false, replaced: undefined });
    expect(calls).toEqual({ reads: 3, writes: 0 });
    for (let times = 0; times < 10; times++) await declare(other);
    expect(calls).toEqual({ reads: 3, writes: 0 });
    table.pass(CACHE_MS);
    await declare(other);
    expect(calls).toEqual({ reads: 6, writes: 0 });
  });

  it("takes the place of another filter, which it names: the last one wins", async () => {
    const other = await table.process();
    await declare();
    expect(await declare(other, B)).toMatchObject({ created: false, replaced: A, subscription: { filter: B } });
    await send("a", "b");
    expect(await receivedTexts(other, "billing")).toEqual(["b"]);
    table.pass(CACHE_MS);
    expect(await declare(broker, A)).toMatchObject({ created: false, replaced: B });
    expect(await stored()).toEqual(A);
  });

  it("is one of two that are declared at once, and made once", async () => {
    const processes = await Promise.all(Array.from({ length: 6 }, () => table.process()));
    const declared = await Promise.all(processes.map((each, index) => declare(each, index % 2 === 0 ? A : B)));
    expect(declared.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(declared.map(({ subscription }) => subscription.uid)).size).toBe(1);
    const latest = declared.toSorted((one, other) => other.subscription.version - one.subscription.version)[0];
    expect(await stored()).toEqual(latest?.subscription.filter);
    expect((await broker.getGroup("billing")).subscriptions).toHaveLength(1);
  });

  it("is made anew with its group, though that is deleted while it is declared", async () => {
    await declare();
    const { store } = counting(table.items);
    let deletions = 2;
    store.put = async (item, options) => {
      // A subscription's progress is written just before the subscription.
      if (item.pk.startsWith("g#") && deletions-- > 0) await broker.deleteGroup("billing", { dryRun: false });
      return table.items.put(item, options);
    };
    const other = await table.process(store);
    await broker.deleteSubscription("billing", "orders", { dryRun: false });
    expect(await declare(other)).toMatchObject({ created: true });
    expect((await broker.getGroup("billing")).subscriptions).toHaveLength(1);
    table.pass(CACHE_MS);
    await send("a");
    expect(await receivedTexts(broker, "billing")).toEqual(["a"]);
  });

  it("finds after two seconds that another process deleted its group, or its topic", async () => {
    const other = await table.process();
    await declare(other);
    await broker.deleteGroup("billing", { dryRun: false });
    table.pass(CACHE_MS);
    expect(await declare(other)).toMatchObject({ created: true });
    await broker.deleteTopic("orders", { dryRun: false });
    await broker.putTopic("orders", { queues: 1 });
    table.pass(CACHE_MS);
    expect(await declare(other)).toMatchObject({ created: true });
    await send("a");
    expect(await receivedTexts(other, "billing")).toEqual(["a"]);
  });

  it.each(FAULTS)("is there once it is declared again, whichever write met %s", async (fault) => {
    for (let write = 0; ; write++) {
      table = brokerOverTable(SHARED_STORE);
      broker = await table.process();
      await broker.putTopic("orders", { queues: 1 });
      const { store, reached, applyLate } = faulty(table.items, write, fault);
      const other = await table.process(store);
      await declare(other).catch(() => undefined);
      if (!reached()) break;
      await declare(broker);
      await applyLate();
      table.pass(CACHE_MS);
      const again = await declare(broker);
      expect(again, `write ${write}`).toMatchObject({ created: false, subscription: { filter: A } });
      await send("a");
      expect(await receivedTexts(broker, "billing"), `write ${write}`).toEqual(["a"]);
    }
  });
});
