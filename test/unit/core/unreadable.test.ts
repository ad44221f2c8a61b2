import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { DeadLetterPage } from "../../../core/dead-letter/dead-letter.ts";
import { blockKey } from "../../../core/keys.ts";
import { blockOf } from "../../../core/log/block.ts";
import { CAP_STEP } from "../../../core/log/log-limits.ts";
import type { StoredMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const LARGE_BYTES = 20_000;

/** Handlers that share a store, with one queue that one group reads from its beginning; a second topic takes what is redriven. */
async function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("orders", { queues: 1 });
  await broker.putTopic("returns", { queues: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const { uid } = await broker.getTopic("orders");
  return {
    ...table,
    broker,
    blockKey: (base: number) => blockKey(uid, 0, base),
    /** The object that a large message went to. */
    loseObject: async (index: number) => {
      const keys = table.objects.keys("log/");
      table.objects.lose(keys[index] as string);
    },
  };
}

/** A body that is kept in the item, or one that does not pack and goes to an object. */
const small = (text: string): Buffer => Buffer.from(text);
const large = (seed: number): Uint8Array => new SeededRandom(seed).bytes(LARGE_BYTES);

async function send(broker: RunningBroker, ...bodies: readonly Uint8Array[]): Promise<void> {
  const results = await broker.sendMessages(
    "orders",
    bodies.map((body) => ({ body })),
  );
  for (const result of results) expect(result).not.toBeInstanceOf(Error);
}

const pull = (broker: RunningBroker, offset: number, limit = 32) =>
  broker.pullMessages("orders", 0, { from: { offset }, limit, maxBytes: 4_000_000, waitMs: 0 });
const texts = (messages: readonly Pick<StoredMessage, "body">[]) => messages.map(({ body }) => Buffer.from(body).toString());

describe("a message whose object is lost", () => {
  it("is passed over by a pull, which says so", async () => {
    const { broker, process, loseObject } = await setUp();
    await send(broker, small("0"));
    await send(broker, large(1));
    await send(broker, small("2"));
    await loseObject(0);
    const other = await process();
    const pulled = await pull(other, 0);
    expect(pulled).toMatchObject({
      status: "FOUND",
      nextOffset: 3,
      unreadable: [{ offset: 1, reason: expect.stringContaining("gone") }],
    });
    expect(pulled.status === "FOUND" && texts(pulled.messages)).toEqual(["0", "2"]);
    expect(await pull(other, 1, 1)).toMatchObject({
      status: "NO_NEW_MSG",
      nextOffset: 2,
      messages: [],
      unreadable: [{ offset: 1 }],
    });
    const filter = { type: "TAG", expression: "none" } as const;
    const filtered = await other.pullMessages("orders", 0, { from: { offset: 0 }, limit: 1, maxBytes: 1, waitMs: 0, filter });
    expect(filtered).toMatchObject({ status: "NO_MATCHED_MSG", nextOffset: 3, unreadable: [{ offset: 1 }] });
    expect(await pull(other, 2)).not.toHaveProperty("unreadable");
  });

  it("stays a dead letter, which the list names and a redrive counts", async () => {
    const { broker, process, loseObject, objects, pass } = await setUp();
    for (const body of [small("0"), large(1), small("2")]) {
      await send(broker, body);
      // Objects are listed by when they were written.
      pass(1_000);
      const [message] = await broker.receiveMessages("billing", { max: 1, waitMs: 0 });
      await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: message?.receiptHandle ?? "" }]);
    }
    expect(objects.keys("log/")).toHaveLength(2);
    await loseObject(1);
    const other = await process();
    const listed = await other.listDeadLetters("billing", { limit: 10, maxBytes: 4_000_000 });
    expect(texts(listed.items)).toEqual(["0", "2"]);
    expect(listed).toMatchObject({ complete: true, unreadable: [{ offset: 1 }] });
    const pages: DeadLetterPage[] = [];
    do {
      pages.push(await other.listDeadLetters("billing", { limit: 1, maxBytes: 4_000_000, after: pages.at(-1)?.next }));
    } while (pages.at(-1)?.next !== undefined);
    expect(pages.flatMap(({ unreadable }) => unreadable.map(({ offset }) => offset))).toEqual([1]);

    expect(await other.redriveDeadLetters("billing", { target: "returns" })).toMatchObject({
      state: "DONE",
      moved: 2,
      unreadable: 1,
    });
    const left = await other.listDeadLetters("billing", { limit: 10, maxBytes: 4_000_000 });
    expect(left).toMatchObject({ items: [], unreadable: [{ offset: 1 }] });
    expect(await other.redriveDeadLetters("billing", { ids: ["0-x"] })).toMatchObject({ state: "DONE", moved: 0, unreadable: 0 });
  });
});

describe("a block that is damaged", () => {
  it("stands between its neighbours as messages that cannot be read", async () => {
    const { broker, process, items, blockKey: keyOf } = await setUp();
    await send(broker, small("0"));
    await send(broker, small("1"), small("2"), small("3"));
    await send(broker, small("4"));
    items.damage(keyOf(1));
    const other = await process();
    expect(await pull(other, 0, 3)).toMatchObject({ nextOffset: 3, unreadable: [{ offset: 1 }, { offset: 2 }], maxOffset: 5 });
    const rest = await pull(other, 2);
    expect(rest).toMatchObject({ nextOffset: 5, unreadable: [{ offset: 2 }, { offset: 3 }] });
    expect(rest.status === "FOUND" && texts(rest.messages)).toEqual(["4"]);
    // Whoever wrote it still knows it.
    expect(await pull(broker, 1, 3)).not.toHaveProperty("unreadable");
  });

  it("hides neither the ends of its queue nor the lag", async () => {
    const { broker, process, items, blockKey: keyOf, pass } = await setUp();
    for (let index = 0; index < 5; index++) await send(broker, small(`${index}`));
    for (const base of [0, 2, 4]) items.damage(keyOf(base));
    pass(5_000);
    const other = await process();
    expect(await other.topicQueues("orders")).toMatchObject([{ minOffset: 0, maxOffset: 5 }]);
    expect(await other.groupLag("billing")).toMatchObject({ items: [{ lag: 5 }] });
    const found = await other.pullMessages("orders", 0, { from: { tail: 2 }, limit: 32, maxBytes: 4_000, waitMs: 0 });
    expect(found).toMatchObject({ status: "FOUND", nextOffset: 5, unreadable: [{ offset: 4 }] });
    const times = [0, Number.MAX_SAFE_INTEGER].map((timestampMs) =>
      other.pullMessages("orders", 0, { from: { timestampMs }, limit: 1, maxBytes: 1, waitMs: 0 }),
    );
    expect(await Promise.all(times)).toMatchObject([{ nextOffset: 1 }, { nextOffset: 5 }]);
  });

  it("does not stop the queue where it is the last: the next message goes behind the gap, and nothing in it counts as lost", async () => {
    const { broker, process, items, blockKey: keyOf } = await setUp();
    await send(broker, small("0"));
    await send(broker, small("1"), small("2"));
    items.damage(keyOf(1));
    const other = await process();
    expect(await pull(other, 1)).toMatchObject({ status: "NO_NEW_MSG", nextOffset: 2, unreadable: [{ offset: 1 }] });
    await send(other, small("after"));
    await send(await process(), small("later"));
    const unreadable: number[] = [];
    const found: string[] = [];
    for (let offset = 0; ; ) {
      const pulled = await pull(other, offset);
      if (pulled.status === "OFFSET_ILLEGAL" || pulled.nextOffset === offset) break;
      found.push(...texts(pulled.messages));
      unreadable.push(...(pulled.unreadable ?? []).map((one) => one.offset));
      offset = pulled.nextOffset;
    }
    expect([found, unreadable]).toEqual([["0", "after", "later"], [1]]);
    expect((await items.query({ pk: keyOf(0).pk, limit: 10 })).damaged).toEqual([keyOf(1)]);
    expect(await items.get(keyOf(CAP_STEP))).toBeDefined();
  });

  it("is read once more before anything is concluded: it may have been garbled on the way", async () => {
    const { broker, process, items } = await setUp();
    for (const text of ["0", "1", "2"]) await send(broker, small(text));
    const query = items.query.bind(items);
    items.query = async (...call) => {
      const page = await query(...call);
      return { ...page, items: page.items.map((item) => (item.pk.startsWith("q#") ? { pk: item.pk, sk: item.sk } : item)) };
    };
    const other = await process();
    await send(other, small("3"));
    const pulled = await pull(other, 0);
    expect(pulled).toMatchObject({ nextOffset: 4, maxOffset: 4 });
    expect(pulled).not.toHaveProperty("unreadable");
    expect(pulled.status === "FOUND" && texts(pulled.messages)).toEqual(["0", "1", "2", "3"]);
  });

  it("is left by a writer that meets it while it writes, and nothing is acknowledged twice or lost", async () => {
    const { broker, items, blockKey: keyOf, process } = await setUp();
    await send(broker, small("0"));
    await send(broker, small("1"));
    items.damage(keyOf(1));
    // This process knows where the block ended, and goes on right behind it.
    await send(broker, small("2"));
    const pulled = await pull(await process(), 0);
    expect(pulled).toMatchObject({ nextOffset: 3, unreadable: [{ offset: 1 }] });
    expect(pulled.status === "FOUND" && texts(pulled.messages)).toEqual(["0", "2"]);
  });
});

describe("a frame that is garbled in its block", () => {
  /** A block of frames with two messages each, behind another, in which these frames say another count. */
  async function garbledAt(texts: string, counts: Readonly<Record<number, number>>) {
    const { broker, items, blockKey: keyOf, process } = await setUp();
    await Promise.all([send(broker, small("first")), ...[...texts].map((text) => send(broker, small(text), small(text)))]);
    const item = await items.get(keyOf(1));
    const block = item && blockOf(item);
    expect(block?.frames).toHaveLength(texts.length);
    const frames = (block?.frames ?? []).map((frame) => frame.slice());
    const countAt = 2 + 6 + 14;
    for (const [index, count] of Object.entries(counts)) frames[Number(index)]?.set([count], countAt);
    await items.put({ ...item, ...keyOf(1), f: frames });
    return process();
  }

  it("does not shift the offsets behind it where others are garbled too", async () => {
    const pulled = await pull(await garbledAt("abcd", { 0: 9, 2: 1 }), 0);
    expect(pulled).toMatchObject({ nextOffset: 9, unreadable: [1, 2, 3, 4, 5, 6].map((offset) => ({ offset })) });
    const seen = pulled.status === "FOUND" ? pulled.messages : [];
    expect(seen.map(({ offset }) => offset)).toEqual([0, 7, 8]);
    expect(texts(seen)).toEqual(["first", "d", "d"]);
  });

  it("does not shift the offsets of those beside it", async () => {
    const pulled = await pull(await garbledAt("abc", { 1: 9 }), 0);
    expect(pulled).toMatchObject({ nextOffset: 7, unreadable: [{ offset: 3 }, { offset: 4 }] });
    const seen = pulled.status === "FOUND" ? pulled.messages : [];
    expect(seen.map(({ offset }) => offset)).toEqual([0, 1, 2, 5, 6]);
    expect(texts(seen)).toEqual(["first", "a", "a", "c", "c"]);
  });
});
