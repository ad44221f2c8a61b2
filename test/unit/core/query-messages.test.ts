import { describe, expect, it } from "vitest";
import { SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { blockKey } from "../../../core/keys.ts";
import type { MessageQuery } from "../../../core/query/query-messages.ts";
import type { MessageInput, StoredMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { RolledStore } from "./roller/rolled-store.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;
const HOUR_MS = 3_600_000;

type Conditions = Omit<MessageQuery, "limit" | "maxBytes" | "after">;

async function setUp(queues = 4, settings = SOLE_PROCESS, retentionHours = 72) {
  const table = brokerOverTable(settings);
  const broker = await table.process();
  await broker.putTopic("orders", { queues, retentionHours, type: "PRIORITY" });
  return { ...table, broker };
}

/** Sends to a queue of one's choice, and answers the ids. */
async function send(broker: RunningBroker, queueId: number, messages: readonly Omit<MessageInput, "priority">[]) {
  const results = await broker.sendMessages(
    "orders",
    messages.map((message) => ({ ...message, priority: queueId })),
  );
  return results.map((result) => {
    if (!("offset" in result)) throw new Error("not sent");
    return result.messageId;
  });
}

async function page(broker: RunningBroker, conditions: Conditions, limit = 64, after?: string, maxBytes = 4 * MIB) {
  return broker.queryMessages("orders", { ...conditions, limit, maxBytes, after });
}

async function everyPage(broker: RunningBroker, conditions: Conditions, limit: number, maxBytes?: number) {
  const found: StoredMessage[] = [];
  const pages: number[] = [];
  let after: string | undefined;
  do {
    const { items, next, complete } = await page(broker, conditions, limit, after, maxBytes);
    found.push(...items);
    pages.push(items.length);
    if (next === undefined) expect(complete).toBe(true);
    after = next;
  } while (after !== undefined);
  return { found, pages };
}

const placeOf = ({ storedAtMs, queueId, offset }: StoredMessage) => `${storedAtMs}.${queueId}.${offset}`;

/** What is stored, as pull shows it, in the order of queries. */
async function stored(broker: RunningBroker, queues: number): Promise<StoredMessage[]> {
  const all: StoredMessage[] = [];
  for (let queueId = 0; queueId < queues; queueId++)
    for (let offset = 0; ; ) {
      const pulled = await broker.pullMessages("orders", queueId, { from: { offset }, limit: 32, maxBytes: 4 * MIB, waitMs: 0 });
      if (pulled.status === "OFFSET_ILLEGAL") {
        offset = pulled.minOffset;
        continue;
      }
      all.push(...pulled.messages);
      if (pulled.nextOffset === offset) break;
      offset = pulled.nextOffset;
    }
  return all.sort((a, b) => b.storedAtMs - a.storedAtMs || b.queueId - a.queueId || b.offset - a.offset);
}

describe("the messages of a topic", () => {
  it.each([
    ["alone on its store", SOLE_PROCESS, 1],
    ["alone on its store", SOLE_PROCESS, 2],
    ["on a shared store", SHARED_STORE, 3],
    ["on a shared store", SHARED_STORE, 4],
    ["on a shared store", SHARED_STORE, 5],
  ])("come newest first, each once, whatever is asked for: %s, seed %#", async (_, settings, seed) => {
    const random = new SeededRandom(seed);
    const below = (most: number) => random.bytes(1)[0]! % most;
    const queues = 1 + below(6);
    const { broker, pass } = await setUp(queues, settings);
    for (let round = 0; round < 60; round++) {
      const messages = Array.from({ length: 1 + below(round % 9 === 0 ? 90 : 4) }, (_unused, index) => ({
        body: Buffer.alloc(1 + below(5) * below(200), index),
        tag: ["a", "b", undefined][below(3)],
        keys: [`k${below(20)}`, `round-${round}`].slice(0, below(3)),
        properties: new Map([["n", String(below(10))]]),
      }));
      await send(broker, below(queues), messages);
      if (below(3) === 0) pass(below(200));
    }
    const all = await stored(broker, queues);
    const times = all.map(({ storedAtMs }) => storedAtMs);
    const [fromMs, toMs] = [times[Math.floor(times.length * 0.8)]!, times[Math.floor(times.length * 0.2)]!];
    const expected: readonly (readonly [Conditions, (message: StoredMessage) => boolean])[] = [
      [{}, () => true],
      [{ fromMs, toMs }, ({ storedAtMs }) => storedAtMs >= fromMs && storedAtMs < toMs],
      [{ key: "k7" }, ({ keys }) => keys.includes("k7")],
      [{ key: "k7", fromMs }, ({ keys, storedAtMs }) => keys.includes("k7") && storedAtMs >= fromMs],
      [{ filter: { type: "TAG", expression: "a" } }, ({ tag }) => tag === "a"],
      [{ filter: { type: "SQL92", expression: "n > 8" }, toMs }, (m) => Number(m.properties.get("n")) > 8 && m.storedAtMs < toMs],
      [{ key: "k3", filter: { type: "TAG", expression: "b" } }, ({ keys, tag }) => keys.includes("k3") && tag === "b"],
      [{ key: "none" }, () => false],
    ];
    for (const [conditions, matches] of expected) {
      const { found } = await everyPage(broker, conditions, 1 + below(64));
      expect(found.map(placeOf), JSON.stringify(conditions)).toEqual(all.filter(matches).map(placeOf));
      expect(found).toEqual(all.filter(matches));
    }
    expect(all.length).toBeGreaterThan(200);
  });

  it("are found in the first request after their sends", async () => {
    const { broker, process } = await setUp(3, SHARED_STORE);
    const reader = await process();
    for (let index = 0; index < 20; index++) {
      const [id] = await send(broker, index % 3, [{ body: Buffer.from("x"), keys: [`order-${index}`] }]);
      expect((await page(reader, { key: `order-${index}` })).items.map(({ messageId }) => messageId)).toEqual([id]);
    }
  });

  it("neither repeat nor go missing while others are stored", async () => {
    const { broker, pass } = await setUp(3);
    for (let index = 0; index < 90; index++) {
      await send(broker, index % 3, [{ body: Buffer.from("x") }]);
      if (index % 4 === 0) pass(1);
    }
    const all = await stored(broker, 3);
    const seen: StoredMessage[] = [];
    let after: string | undefined;
    do {
      const { items, next } = await page(broker, {}, 7, after);
      seen.push(...items);
      for (let queueId = 0; queueId < 3; queueId++) await send(broker, queueId, [{ body: Buffer.from("y") }]);
      after = next;
    } while (after !== undefined);
    expect(seen).toEqual(all);
  });

  it("go with their retention, to the millisecond", async () => {
    const { broker, pass } = await setUp(2, SOLE_PROCESS, 1);
    const ids = [
      ...(await send(broker, 0, [{ body: Buffer.from("x") }])),
      ...(await send(broker, 1, [{ body: Buffer.from("x") }])),
    ];
    pass(1_000);
    const later = await send(broker, 0, [{ body: Buffer.from("x") }]);
    const found = async () => (await page(broker, {})).items.map(({ messageId }) => messageId);
    expect(await found()).toEqual([...later, ...ids.toReversed()]);
    pass(HOUR_MS - 1_000);
    expect(await found()).toEqual([...later, ...ids.toReversed()]);
    pass(1);
    expect(await found()).toEqual(later);
  });

  it("come as many as the bodies of a page may have, and at least one", async () => {
    const { broker } = await setUp(1);
    for (let index = 0; index < 5; index++) await send(broker, 0, [{ body: Buffer.alloc(400 * KIB, index) }]);
    const { items, complete, next } = await page(broker, {}, 64, undefined, 900 * KIB);
    expect(items.map(({ offset }) => offset)).toEqual([4, 3]);
    expect(complete).toBe(false);
    expect((await page(broker, {}, 64, next, 1)).items.map(({ offset }) => offset)).toEqual([2]);
    expect((await everyPage(broker, {}, 64, 900 * KIB)).pages).toEqual([2, 2, 1]);
  });

  it("are looked for within a budget, and a cursor goes on where it ended", async () => {
    const { broker } = await setUp(2);
    await send(broker, 1, [{ body: Buffer.from("x"), tag: "old" }]);
    for (let index = 0; index < 12; index++)
      await send(
        broker,
        index % 2,
        Array.from({ length: 100 }, () => ({ body: Buffer.alloc(40 * KIB) })),
      );
    const conditions = { filter: { type: "TAG", expression: "old" } } as const;
    const { items, complete, next } = await page(broker, conditions);
    expect({ items, complete }).toEqual({ items: [], complete: false });
    expect(next).toBeDefined();
    const { found, pages } = await everyPage(broker, conditions, 5);
    expect(found.map(({ tag }) => tag)).toEqual(["old"]);
    expect(pages.slice(0, 2)).toEqual([0, 1]);
  });

  it("end with the page that has the last of them", async () => {
    const { broker } = await setUp(2);
    for (let index = 0; index < 6; index++) await send(broker, index % 2, [{ body: Buffer.from("x") }]);
    expect((await everyPage(broker, {}, 3)).pages).toEqual([3, 3]);
    expect((await everyPage(broker, {}, 6)).pages).toEqual([6]);
  });
});

describe("a message that cannot be read", () => {
  it("is named beside those that can, once, and holds up no page", async () => {
    const { broker, process, objects } = await setUp(1);
    await send(broker, 0, [{ body: Buffer.from("first"), keys: ["k"] }]);
    await send(broker, 0, [{ body: new SeededRandom(9).bytes(64 * KIB), keys: ["k"] }]);
    await send(broker, 0, [{ body: Buffer.from("last"), keys: ["k"] }]);
    for (const key of objects.keys()) objects.lose(key);
    const fresh = await process();
    for (const conditions of [{}, { key: "k" }, { filter: { type: "TAG", expression: "none" } as const }]) {
      const { items, unreadable, complete } = await page(fresh, conditions);
      expect(unreadable).toEqual([{ queueId: 0, offset: 1, reason: expect.stringContaining("gone") }]);
      expect(items.map(({ offset }) => offset)).toEqual("filter" in conditions ? [] : [2, 0]);
      expect(complete).toBe(true);
    }
    const first = await page(fresh, {}, 1);
    expect([first.items.length, first.unreadable.length]).toEqual([1, 0]);
    const second = await page(fresh, {}, 1, first.next);
    expect([second.items.map(({ offset }) => offset), second.unreadable.length, second.next]).toEqual([[0], 1, undefined]);
  });

  it("is named also where its block is damaged, in the middle and at the end of its queue", async () => {
    const { broker, process, items } = await setUp(2, SHARED_STORE);
    const uid = (await broker.getTopic("orders")).uid;
    for (let index = 0; index < 7; index++) {
      await send(broker, 0, [{ body: Buffer.from(`${index}`), keys: ["k"] }]);
      await send(broker, 1, [{ body: Buffer.from(`${index}`), keys: ["k"] }]);
    }
    for (const base of [2, 3, 6]) items.damage(blockKey(uid, 0, base));
    const every = [1, 2, 5, 64].flatMap((limit) => [{}, { key: "k" }].map((conditions) => ({ limit, conditions })));
    for (const { limit, conditions } of every) {
      const items: string[] = [];
      const unreadable: string[] = [];
      let after: string | undefined;
      const reader = await process();
      do {
        const found = await page(reader, conditions, limit, after);
        items.push(...found.items.map((one) => `${one.queueId}/${one.offset}`));
        unreadable.push(...found.unreadable.map((one) => `${one.queueId}/${one.offset}`));
        after = found.next;
      } while (after !== undefined);
      expect(items.sort()).toEqual(["0/0", "0/1", "0/4", "0/5", "1/0", "1/1", "1/2", "1/3", "1/4", "1/5", "1/6"]);
      expect(unreadable.sort()).toEqual(["0/2", "0/3", "0/6"]);
    }
  });
});

describe("messages whose blocks were rolled and dropped", () => {
  it("are found as before, with those that were not rolled", async () => {
    const store = await RolledStore.open(7, { queues: 3 });
    await store.send(120);
    const everything = async () => {
      const found: StoredMessage[] = [];
      let after: string | undefined;
      do {
        const { items, next } = await page(await store.table.process(), {}, 50, after);
        found.push(...items);
        after = next;
      } while (after !== undefined);
      return found;
    };
    store.ripen();
    await store.send(20);
    const before = await everything();
    expect(before.length).toBeGreaterThan(300);
    await store.rollAndDrop();
    expect(Math.min(...(await Promise.all([0, 1, 2].map((queueId) => store.rolledTo(queueId)))))).toBeGreaterThan(0);
    expect(await store.index()).not.toEqual([]);
    expect(await everything()).toEqual(before);
  });
});
