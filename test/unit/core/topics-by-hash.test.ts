import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { FORMAT_KEY, TOPICS_PK, topicHashKey, topicHashPk } from "../../../core/keys.ts";
import { topicHashOf } from "../../../core/message/message-id.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { formatOf, NEWEST_FORMAT } from "../../../core/store/store-format.ts";
import { topicOf } from "../../../core/topic/topic-codec.ts";
import { TopicRegistry } from "../../../core/topic/topic-registry.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

async function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  const registry = () => new TopicRegistry(table.dependencies());
  const stored = async () => (await table.items.query({ pk: TOPICS_PK, limit: 1_000 })).items.map(topicOf);
  const hashed = async (uid: string) => (await table.items.query({ pk: topicHashPk(topicHashOf(uid)), limit: 10 })).items;
  return { table, broker, registry, stored, hashed };
}

const found = async (registry: TopicRegistry, uid: string) =>
  (await registry.ofHash(topicHashOf(uid))).map((topic) => `${topic.name} ${topic.uid}`);

describe("a topic is found by the hash that ids hold", () => {
  it("whether a client or the broker made it", async () => {
    const { broker, registry, stored } = await setUp();
    await broker.putTopic("orders", { queues: 2 });
    await broker.putGroup("billing", {});
    const topics = await stored();
    expect(topics.map(({ name }) => name)).toEqual(["%DLQ%billing", "orders"]);
    for (const { name, uid } of topics) expect(await found(registry(), uid)).toEqual([`${name} ${uid}`]);
  });

  it("until it is removed, and then only the one made anew, also by a process that remembers the old one", async () => {
    const { broker, registry, hashed } = await setUp();
    const { topic: old } = await broker.putTopic("orders", { queues: 1 });
    const remembering = registry();
    await remembering.resolve("orders");
    await broker.deleteTopic("orders", { dryRun: false });
    expect(await hashed(old.uid)).toEqual([]);
    const { topic } = await broker.putTopic("orders", { queues: 1 });
    expect(await found(remembering, topic.uid)).toEqual([`orders ${topic.uid}`]);
    expect(await found(remembering, old.uid)).toEqual([]);
  });

  it("until its group goes, if it is the group's", async () => {
    const { broker, stored, hashed } = await setUp();
    await broker.putGroup("billing", {});
    const [deadLetters] = await stored();
    const { uid } = deadLetters as { uid: string };
    expect(await hashed(uid)).toHaveLength(1);
    await broker.deleteGroup("billing", { dryRun: false });
    expect(await hashed(uid)).toEqual([]);
  });

  it("and is not taken for another one of the same hash", async () => {
    const { table, broker, registry } = await setUp();
    const { topic } = await broker.putTopic("orders", { queues: 1 });
    const { topic: other } = await broker.putTopic("returns", { queues: 1 });
    const hash = topicHashOf(topic.uid);
    await table.items.put({ ...topicHashKey(hash, other.uid), n: "returns" });
    await table.items.put({ ...topicHashKey(hash, "of-a-deleted-topic"), n: "orders" });
    expect((await found(registry(), topic.uid)).toSorted()).toEqual([`orders ${topic.uid}`, `returns ${other.uid}`]);
  });
});

describe("raising the format", () => {
  const TOPICS = 130;

  /** A store of format 3, as a version left it that knew no hashes. */
  async function before() {
    const { table, broker, stored, ...rest } = await setUp();
    for (let at = 0; at < TOPICS; at++) await broker.putTopic(`topic-${at}`, { queues: 1 });
    const topics = await stored();
    for (const { uid } of topics) await table.items.delete(topicHashKey(topicHashOf(uid), uid));
    await table.items.put({ ...FORMAT_KEY, v: 3 });
    const raise = async (items: ItemStore) => formatOf(await table.items.get(FORMAT_KEY)).raise(items);
    return { ...rest, table, broker, topics, raise };
  }

  it("lets the topics that are there be found", async () => {
    const { table, registry, topics, raise } = await before();
    for (let times = 0; times < 2; times++) {
      await raise(table.items);
      expect(topics).toHaveLength(TOPICS);
      for (const { name, uid } of topics) expect(await found(registry(), uid)).toContain(`${name} ${uid}`);
      expect((await table.items.get(FORMAT_KEY))?.v).toBe(NEWEST_FORMAT);
      await table.items.put({ ...FORMAT_KEY, v: 3 });
    }
  });

  it("leaves nothing of a topic that goes meanwhile, and raises only once all are written", async () => {
    const { table, broker, topics, hashed, raise } = await before();
    const { items } = table;
    const gone = topics[17] as (typeof topics)[number];
    let deleted = false;
    const store: ItemStore = {
      get: (key, options) => items.get(key, options),
      batchGet: (keys, options) => items.batchGet(keys, options),
      query: (query) => items.query(query),
      put: async (item, options) => {
        for (const { uid } of topics) expect(await hashed(uid), uid).toHaveLength(uid === gone.uid ? 0 : 1);
        return items.put(item, options);
      },
      update: (key, changes, options) => items.update(key, changes, options),
      delete: (key, options) => items.delete(key, options),
      transact: async (writes) => {
        if (!deleted) await broker.deleteTopic(gone.name, { dryRun: false });
        deleted = true;
        return items.transact(writes);
      },
    };
    await raise(store);
    expect(deleted).toBe(true);
    expect((await items.get(FORMAT_KEY))?.v).toBe(NEWEST_FORMAT);
  });
});
