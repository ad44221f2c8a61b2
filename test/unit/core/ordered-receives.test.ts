import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { DEFERRED_MAX } from "../../../core/limits.ts";
import type { GroupSettings, SettleEntry, TopicSettings } from "../../../core/requests.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import {
  EXPRESSION_BYTES_MAX,
  EXPRESSION_OPERATORS_MAX,
  largestExpression,
  NO_EXPRESSION,
} from "../../support/broker/expression-size.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const LEASE_SECONDS = 60;

let clock: ManualClock;
let items: MeasuredItemStore;
let objects: MemoryObjectStore;
let broker: RunningBroker;

/** Keeps the measures of the largest expressions that the updates would be on DynamoDB. */
class MeasuredItemStore extends MemoryItemStore {
  largest = NO_EXPRESSION;
  /** Happens before the next update takes effect. */
  meanwhile: (() => Promise<unknown>) | undefined;

  override async update(
    ...[key, changes, options]: Parameters<MemoryItemStore["update"]>
  ): ReturnType<MemoryItemStore["update"]> {
    const { meanwhile } = this;
    this.meanwhile = undefined;
    await meanwhile?.();
    this.largest = largestExpression(this.largest, { key, changes, when: options?.when });
    return super.update(key, changes, options);
  }
}

beforeEach(async () => {
  clock = new ManualClock();
  items = new MeasuredItemStore();
  objects = new MemoryObjectStore();
  broker = await startHandler(1);
});

/** All handlers share the stores and the clock. */
const startHandler = (seed: number): Promise<RunningBroker> =>
  testBroker({
    items,
    objects,
    clock,
    random: new SeededRandom(seed),
  });

async function subscribed(topic: TopicSettings, group: GroupSettings = {}): Promise<void> {
  await broker.putTopic("orders", { queues: 1, ...topic });
  await broker.putGroup("billing", { leaseSeconds: LEASE_SECONDS, ...group });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
}

const send = (...texts: string[]) =>
  broker.sendMessages(
    "orders",
    texts.map((text) => ({ body: Buffer.from(text) })),
  );
const sendTo = (messageGroup: string, ...texts: string[]) =>
  broker.sendMessages(
    "orders",
    texts.map((text) => ({ body: Buffer.from(text), messageGroup })),
  );
const receive = (more: { max?: number; maxBytes?: number; waitMs?: number } = {}) =>
  broker.receiveMessages("billing", { max: 32, waitMs: 0, ...more });

/** How each entry ended: its status, or the code of its error. */
async function settle(
  messages: readonly ReceivedMessage[],
  action: SettleEntry["action"],
  more: { delayMs?: number } = {},
): Promise<readonly string[]> {
  const results = await broker.settleMessages(
    "billing",
    messages.map(({ receiptHandle }) => ({ action, receiptHandle, ...more }) as SettleEntry),
  );
  return results.map((result) => (result.status === "error" ? result.error.code : result.status));
}

/** Gives back at once, and lets it fall due. */
async function giveBack(messages: readonly ReceivedMessage[]): Promise<void> {
  await settle(messages, "nack", { delayMs: 0 });
  await clock.pass(5);
}

const texts = (messages: readonly { readonly body: Uint8Array }[]): string[] =>
  messages.map(({ body }) => Buffer.from(body).toString());

describe("a reply's size", () => {
  it.each(["NORMAL", "FIFO"] as const)("a first message larger than the reply comes alone: %s", async (type) => {
    await subscribed({ type });
    const large = "x".repeat(2_000);
    if (type === "FIFO") await sendTo("a", large, "next");
    else await send(large, "next");
    expect(texts(await receive({ maxBytes: 1_000 }))).toEqual([large]);
  });

  it("messages behind one that does not fit are not given out past it", async () => {
    await subscribed({}, { backoff: [0] });
    const large = "x".repeat(900);
    await send("first");
    await send(large, "small 1", "small 2");
    const first = await receive({ max: 1 });
    const rest = await receive({ max: 3 });
    await giveBack(first);
    await giveBack(rest);
    const mine = await receive({ maxBytes: 500 });
    expect(texts(mine)).toEqual(["first"]);
    await clock.pass(10);
    expect(texts(await receive({ maxBytes: 500 }))).toEqual([large]);
    expect(texts(await receive({ maxBytes: 500 }))).toEqual(["small 1", "small 2"]);
    expect(await settle(mine, "ack")).toEqual(["acked"]);
  });

  it("an ordered delivery comes whole or not at all", async () => {
    await subscribed({ type: "FIFO" });
    const other = "b".repeat(600);
    const mine = ["0", "1", "2"].map((text) => text.padEnd(250, "."));
    await sendTo("b", other);
    await sendTo("a", ...mine);
    const [ofB, ofA] = [await receive({ max: 1 }), await receive({ max: 3 })];
    expect([texts(ofB), texts(ofA)]).toEqual([[other], mine]);
    await giveBack(ofA.slice(0, 1));
    await giveBack(ofB);
    const held = await receive({ maxBytes: 1_000 });
    expect(texts(held)).toEqual([other]);
    await clock.pass(10);
    expect(texts(await receive({ maxBytes: 4_000 }))).toEqual(mine);
    expect(await settle(held, "ack")).toEqual(["acked"]);
  });
});

describe("an ordered receive", () => {
  const groups = Array.from({ length: 100 }, (_, index) => `order-${index}`);
  /** As many messages of each group as there are texts, group after group. */
  const sendRounds = async (...texts: string[]): Promise<void> => {
    for (const text of texts)
      await broker.sendMessages(
        "orders",
        groups.map((messageGroup) => ({ body: Buffer.from(text), messageGroup })),
      );
  };

  it("takes several messages of few groups where there are many of both", async () => {
    await subscribed({ type: "FIFO" });
    await sendRounds("0", "1", "2", "3");
    const messages = await receive();
    const taken = new Set(messages.map(({ messageGroup }) => messageGroup));
    expect(messages).toHaveLength(32);
    expect(taken.size).toBeLessThanOrEqual(12);
    for (const messageGroup of taken) {
      const mine = texts(messages.filter((message) => message.messageGroup === messageGroup));
      expect(mine).toEqual(["0", "1", "2", "3"].slice(0, mine.length));
    }
  });

  it("serves the group that has waited longest first", async () => {
    await subscribed({ type: "FIFO" });
    await sendRounds("0", "1");
    const order: (string | undefined)[] = [];
    for (let left = 200; left > 0; ) {
      const messages = await receive({ max: 8 });
      order.push(...messages.filter((message) => texts([message])[0] === "0").map(({ messageGroup }) => messageGroup));
      await settle(messages, "ack");
      left -= messages.length;
    }
    expect(order).toEqual(groups);
  });

  it("goes on past any number of messages of a group that is held", async () => {
    await subscribed({ type: "FIFO" });
    await sendTo("slow", "first");
    const held = await receive({ max: 1 });
    const deferred = Array.from({ length: 2 * DEFERRED_MAX }, (_, index) => String(index));
    for (let from = 0; from < deferred.length; from += 64) await sendTo("slow", ...deferred.slice(from, from + 64));
    await sendTo("other", "past");
    expect(texts(await receive())).toEqual(["past"]);
    await sendTo("slow", "one more");
    await sendTo("third", "past that too");
    expect(texts(await receive())).toEqual(["past that too"]);
    await settle(held, "ack");
    expect(texts(await receive())).toEqual(deferred.slice(0, 32));
  });

  it("delivers what has no message group beside what has, and out of its way", async () => {
    await subscribed({ type: "MIXED" });
    await sendTo("a", "a0", "a1");
    await send("free 0", "free 1");
    await sendTo("a", "a2");
    const first = await receive({ max: 1 });
    expect(texts(first)).toEqual(["a0"]);
    expect(texts(await receive())).toEqual(["free 0", "free 1"]);
    await settle(first, "ack");
    expect(texts(await receive())).toEqual(["a1", "a2"]);
  });
});

describe("receives one after the other", () => {
  it("begin with each queue of each topic in turn", async () => {
    const topics = ["orders", "returns"];
    await broker.putGroup("billing", {});
    for (const topic of topics) {
      await broker.putTopic(topic, { queues: 2 });
      await broker.putSubscription("billing", topic, { startFrom: "earliest" });
      for (let index = 0; index < 16; index++) await broker.sendMessages(topic, [{ body: Buffer.from("x") }]);
    }
    const visits = new Map<string, number>();
    for (let turn = 0; turn < 16; turn++) {
      const [message] = await receive({ max: 1 });
      const queue = `${message?.topic}/${message?.queueId}`;
      visits.set(queue, (visits.get(queue) ?? 0) + 1);
    }
    expect(Object.fromEntries(visits)).toEqual({ "orders/0": 4, "orders/1": 4, "returns/0": 4, "returns/1": 4 });
  });
});

describe("deferred messages", () => {
  it("come though the group is no longer ordered", async () => {
    await subscribed({}, { ordered: true });
    await send("0", "1", "2", "3");
    await giveBack((await receive()).slice(0, 1));
    const two = await receive({ max: 2 });
    expect(texts(two)).toEqual(["0", "1"]);
    await settle(two, "ack");
    await broker.patchGroup("billing", { ordered: false });
    await clock.pass(5_000);
    await send("4");
    const left = await receive();
    expect(texts(left)).toEqual(["2", "3", "4"]);
    expect(await settle(left, "ack")).toEqual(["acked", "acked", "acked"]);
    await clock.pass(2 * LEASE_SECONDS * 1_000);
    expect(await receive()).toEqual([]);
  });

  it("are not lost when another handler defers some at the same time", async () => {
    await subscribed({ type: "FIFO" });
    const other = await startHandler(2);
    await sendTo("a", "a0", "a1", "a2");
    const first = await receive();
    await sendTo("b", "b0");
    const held = await other.receiveMessages("billing", { max: 1, waitMs: 0 });
    await giveBack(first);
    await sendTo("b", "b1");
    await sendTo("c", "c0");
    // The other one still knows the first delivery as running. It defers the message of the group that it holds, and takes the next.
    items.meanwhile = async () => expect(texts(await other.receiveMessages("billing", { max: 1, waitMs: 0 }))).toEqual(["c0"]);
    const again = await receive({ max: 1 });
    expect(texts(again)).toEqual(["a0"]);
    await settle([...again, ...held], "ack");
    expect(texts(await receive())).toEqual(["a1", "a2", "b1"]);
  });

  it("an ack of a message that was deferred again is lost", async () => {
    await subscribed({ type: "FIFO" });
    await sendTo("a", "0", "1", "2");
    const first = await receive();
    await giveBack(first.slice(0, 1));
    const again = await receive({ max: 1 });
    expect(texts(again)).toEqual(["0"]);
    expect(await settle(first.slice(1), "ack")).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    await settle(again, "ack");
    expect(texts(await receive())).toEqual(["1", "2"]);
  });

  it("one update never names more than DynamoDB takes", async () => {
    await subscribed({ type: "FIFO" });
    const messageGroups = Array.from({ length: 200 }, (_, index) => `order-${index}`);
    for (const text of ["0", "1"])
      for (const from of [0, 100])
        await broker.sendMessages(
          "orders",
          messageGroups.slice(from, from + 100).map((messageGroup) => ({ body: Buffer.from(text), messageGroup })),
        );
    const held: ReceivedMessage[] = [];
    for (let turn = 0; turn < 8; turn++) held.push(...(await receive()));
    expect(new Set(held.map(({ messageGroup }) => messageGroup)).size).toBeGreaterThan(100);
    for (let from = 0; from < held.length; from += 100) await settle(held.slice(from, from + 100), "ack");
    for (let turn = 0; turn < 8; turn++) await receive();
    expect(items.largest.operators).toBeGreaterThan(0);
    expect(items.largest.operators).toBeLessThanOrEqual(EXPRESSION_OPERATORS_MAX);
    expect(items.largest.bytes).toBeLessThanOrEqual(EXPRESSION_BYTES_MAX);
  });
});

describe("a settle that frees a message group", () => {
  it.each([
    ["ack", "acked"],
    ["deadLetter", "deadLettered"],
  ] as const)("wakes who waits for it: %s", async (action, status) => {
    await subscribed({ type: "FIFO" });
    await sendTo("a", "0", "1");
    const first = await receive({ max: 1 });
    let answered: readonly string[] | undefined;
    const poll = receive({ max: 1, waitMs: 20_000 }).then((messages) => {
      answered = texts(messages);
    });
    await clock.pass(100);
    expect(await settle(first, action)).toEqual([status]);
    for (let turn = 0; turn < 5; turn++) await clock.pass(100);
    expect(answered).toEqual(["1"]);
    await poll;
  });
});

describe("an ordered delivery given back", () => {
  it("the last attempt given back with its whole delivery is dead-lettered", async () => {
    await subscribed({ type: "FIFO" }, { maxAttempts: 1, backoff: [3_600] });
    await sendTo("a", "0", "1", "2");
    expect(await settle(await receive(), "nack")).toEqual(["deadLettered", "nacked", "nacked"]);
    const { items: dead } = await broker.listDeadLetters("billing", { limit: 10, maxBytes: 1_000 });
    expect(dead).toHaveLength(1);
    await clock.pass(100_000);
    const rest = await receive();
    expect(rest.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(texts(rest)).toEqual(["1", "2"]);
  });
});

describe("a queue is not drained", () => {
  it("while messages are deferred", async () => {
    await subscribed({ type: "FIFO", queues: 4 });
    const [sent] = await sendTo("A", "0", "1", "2");
    // Of the queues that shrinking takes away.
    expect(sent).toMatchObject({ queueId: 1 });
    const first = await receive({ max: 1 });
    expect(await receive({ max: 1 })).toEqual([]);
    await settle(first, "ack");
    const shrink = () => broker.patchTopic("orders", { writeQueues: 1, readQueues: 1 });
    await expect(shrink()).rejects.toMatchObject({
      code: "PRECONDITION_FAILED",
      message: expect.stringContaining("2 in-flight"),
    });
    const deferred = await receive();
    expect(texts(deferred)).toEqual(["1", "2"]);
    await settle(deferred, "ack");
    const shrunk = shrink();
    for (let second = 0; second < 3; second++) await clock.pass(1_000);
    expect(await shrunk).toMatchObject({ readQueues: 1 });
  });

  it("while failing messages wait outside its group state item", async () => {
    await subscribed({ queues: 2 });
    const EACH = 40;
    const LONG = 16;
    for (let index = 0; index < 2 * EACH; index++) await send(String(index));
    let nacked = 0;
    for (let index = 0; index < 2 * EACH; index++) {
      const one = await receive({ max: 1 });
      if (one[0]?.queueId === 0) await settle(one, "ack");
      else await settle(one, "nack", { delayMs: nacked++ < LONG ? 2 * HOUR_MS : HOUR_MS / 6 });
    }
    expect(nacked).toBe(EACH);
    await clock.pass(HOUR_MS / 5);
    expect(await drain()).toBe(EACH - LONG);
    await broker.patchTopic("orders", { writeQueues: 1 });
    await clock.pass(10_000);
    const shrink = () => broker.patchTopic("orders", { readQueues: 1 });
    await expect(shrink()).rejects.toMatchObject({
      code: "PRECONDITION_FAILED",
      message: expect.stringContaining("16 in-flight"),
    });
    await clock.pass(2 * HOUR_MS);
    expect(await drain()).toBe(LONG);
    expect(await shrink()).toMatchObject({ readQueues: 1 });
  });
});

/** Acks all there is to receive; answers how many. */
async function drain(): Promise<number> {
  for (let count = 0; ; ) {
    const messages = await receive();
    if (messages.length === 0) return count;
    count += messages.length;
    await settle(messages, "ack");
  }
}
