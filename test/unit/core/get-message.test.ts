import { beforeEach, describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { backlogPk, FORMAT_KEY, progressKey } from "../../../core/keys.ts";
import type { MessageInput, ReceivedMessage, TopicType } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const LEASE_MS = 60_000;

let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(async () => {
  table = brokerOverTable(SHARED_STORE);
  broker = await table.process();
});

async function createTopic(name: string, type: TopicType = "NORMAL", retentionHours = 72) {
  await broker.putTopic(name, { queues: 2, type, retentionHours });
}

async function createGroup(name: string, topic: string, filter = "*") {
  await broker.putGroup(name, { leaseSeconds: LEASE_MS / 1_000, maxAttempts: 2, backoff: [30] });
  return broker.putSubscription(name, topic, { filter: { type: "TAG", expression: filter }, startFrom: "earliest" });
}

async function send(topic: string, message: Partial<MessageInput> = {}): Promise<string> {
  const [result] = await broker.sendMessages(topic, [{ body: Buffer.from("x"), ...message }]);
  if (!result || !("messageId" in result)) throw result;
  return result.messageId;
}

const get = (id: string, topic?: string, by = broker) => by.getMessage(id, { topic, limit: 100 });
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => "found",
    (error: { code: string }) => error.code,
  );
const statesOf = async (id: string) =>
  Object.fromEntries((await get(id)).groups.items.map(({ group, ...state }) => [group, state]));
const receive = (group: string, max = 1) => broker.receiveMessages(group, { max, waitMs: 0 });
const settle = (group: string, action: "ack" | "nack" | "deadLetter", messages: readonly ReceivedMessage[]) =>
  broker.settleMessages(
    group,
    messages.map(({ receiptHandle }) => ({ action, receiptHandle })),
  );

describe("a message is found by its id", () => {
  it("in the first request after its send, without its topic, by another process", async () => {
    const other = await table.process();
    for (const name of ["orders", "parcels", "returns"]) await createTopic(name);
    for (let round = 0; round < 5; round++)
      for (const name of ["orders", "parcels", "returns"]) {
        const id = await send(name, { body: Buffer.from(`${name} ${round}`) });
        const { topic, message } = await get(id, undefined, other);
        expect([topic.name, message.messageId, Buffer.from(message.body).toString()]).toEqual([name, id, `${name} ${round}`]);
        expect((await get(id, name, other)).message).toEqual(message);
        expect(await code(get(id, name === "orders" ? "parcels" : "orders", other))).toBe("MESSAGE_NOT_FOUND");
      }
  });

  it("that its producer chose", async () => {
    await createTopic("orders");
    await createTopic("parcels");
    await send("parcels", { messageId: "parcel/1" });
    await send("orders", { messageId: "01A3185C5000D3A101AB898193AC0023" });
    expect((await get("parcel/1")).topic.name).toBe("parcels");
    expect((await get("parcel/1", "parcels")).topic.name).toBe("parcels");
    expect((await get("01A3185C5000D3A101AB898193AC0023")).topic.name).toBe("orders");
    expect(await code(get("parcel/2"))).toBe("MESSAGE_NOT_FOUND");
    expect(await code(get("x".repeat(65)))).toBe("MESSAGE_NOT_FOUND");
  });

  it("of two with one id the newer, and of a dead letter the origin", async () => {
    await createTopic("orders");
    await createGroup("billing", "orders");
    for (const text of ["a", "b"]) {
      await send("orders", { messageId: "same", body: Buffer.from(text) });
      table.pass(10);
    }
    expect(Buffer.from((await get("same")).message.body).toString()).toBe("b");
    const id = await send("orders");
    await settle("billing", "deadLetter", await receive("billing", 32));
    expect((await get(id)).topic.name).toBe("orders");
    const copy = await get(id, "%DLQ%billing");
    expect([copy.topic.name, copy.message.messageId]).toEqual(["%DLQ%billing", id]);
  });

  it("only in topics that may be read, and among so many topics only by name", async () => {
    await createTopic("orders");
    const id = await send("orders");
    await broker.patchTopic("orders", { perm: 2 });
    table.pass(2_001);
    expect(await code(get(id))).toBe("MESSAGE_NOT_FOUND");
    expect(await code(get(id, "orders"))).toBe("FORBIDDEN");
    for (let index = 0; index < 21; index++) await createTopic(`a${index}`);
    await createTopic("zebra");
    await send("zebra", { messageId: "mine" });
    await expect(get("mine")).rejects.toThrow(/20 topics.*topic=/);
    expect((await get("mine", "zebra")).topic.name).toBe("zebra");
  });

  it("once it is delivered, where it was delayed or half, and not before", async () => {
    await createTopic("orders", "MIXED");
    const id = await send("orders", { delayMs: 60_000 });
    expect(await code(get(id))).toBe("MESSAGE_NOT_FOUND");
    table.pass(60_000);
    await broker.scan({ untilMs: table.clock.nowMs() + 1_000 });
    expect((await get(id)).message.messageId).toBe(id);
  });

  it("in the topic that is named, where it was sent before ids named their queue", async () => {
    await table.items.put({ ...FORMAT_KEY, v: 3 });
    broker = await table.process();
    await createTopic("orders");
    const ids: string[] = [];
    for (let sent = 0; sent < 10; sent++) {
      ids.push(await send("orders"));
      table.pass(1);
    }
    await broker.raiseFormat();
    for (const id of ids) expect((await get(id, "orders")).message.messageId).toBe(id);
  });

  it("or the search ends after five seconds, however much was sent at its time", async () => {
    await createTopic("orders");
    const first = await send("orders");
    for (let sent = 0; sent < 2_000; sent++) await send("orders");
    const reader = await table.process();
    const { items, clock } = table;
    const query = items.query.bind(items);
    items.query = (asked) => {
      clock.pass(500);
      return query(asked);
    };
    const startMs = clock.nowMs();
    const absent = `${first.slice(0, 27)}${first[27] === "0" ? "1" : "0"}0000`;
    await expect(get(absent, undefined, reader)).rejects.toThrow(/more to look at/);
    expect(clock.nowMs() - startMs).toBeLessThan(15_000);
  });

  it("until its retention ends, and its id tells that it has", async () => {
    await createTopic("orders", "NORMAL", 1);
    const id = await send("orders");
    table.pass(HOUR_MS);
    expect(await code(get(id))).toBe("found");
    table.pass(1);
    expect(await code(get(id))).toBe("MESSAGE_EXPIRED");
    expect(await code(get(id, "orders"))).toBe("MESSAGE_EXPIRED");
  });
});

describe("a group's state of a message", () => {
  it("goes from waiting to in flight, waiting again and settled", async () => {
    await createTopic("orders");
    await createGroup("billing", "orders");
    const id = await send("orders");
    const state = async () => (await statesOf(id)).billing;
    const nowMs = () => table.clock.nowMs();
    expect(await state()).toMatchObject({ state: "WAITING", attempt: 0 });
    const first = await receive("billing");
    expect(await state()).toMatchObject({ state: "IN_FLIGHT", attempt: 1, leaseExpiresAtMs: nowMs() + LEASE_MS });
    await settle("billing", "nack", first);
    expect(await state()).toMatchObject({ state: "WAITING", attempt: 1, nextAttemptAtMs: nowMs() + 30_000 });
    table.pass(40_000);
    expect(await state()).toMatchObject({ state: "WAITING", attempt: 1, nextAttemptAtMs: nowMs() });
    const second = await receive("billing");
    expect(await state()).toMatchObject({ state: "IN_FLIGHT", attempt: 2 });
    table.pass(LEASE_MS);
    expect(await state()).toMatchObject({ state: "WAITING", attempt: 2, nextAttemptAtMs: nowMs() });
    await settle("billing", "ack", second);
    expect(await state()).toMatchObject({ state: "SETTLED", attempt: undefined });
  });

  it("is its own, and that of a filter that does not match", async () => {
    await createTopic("orders");
    for (const group of ["archive", "billing", "shipping"])
      await createGroup(group, "orders", group === "shipping" ? "sent" : "*");
    const id = await send("orders", { tag: "paid" });
    await settle("archive", "ack", await receive("archive"));
    await receive("billing");
    const states = async () => Object.entries(await statesOf(id)).map(([group, { state }]) => `${group} ${state}`);
    expect(await states()).toEqual(["archive SETTLED", "billing IN_FLIGHT", "shipping PASSED_OVER"]);
    await receive("shipping");
    expect(await states()).toEqual(["archive SETTLED", "billing IN_FLIGHT", "shipping PASSED_OVER"]);
    await settle("archive", "deadLetter", await receive("archive"));
    await broker.putSubscription("shipping", "orders", { filter: { type: "TAG", expression: "*" } });
    // Met by the filter of then.
    expect((await states()).at(-1)).toBe("shipping SETTLED");
    await broker.putSubscription("archive", "orders", { filter: { type: "TAG", expression: "sent" } });
    expect((await states())[0]).toBe("archive SETTLED");
    table.pass(1);
    const later = await send("orders", { tag: "paid" });
    await receive("archive");
    expect((await statesOf(later)).archive).toMatchObject({ state: "PASSED_OVER" });
    expect((await statesOf(later)).shipping).toMatchObject({ state: "WAITING", attempt: 0 });
  });

  it("is waiting behind the message group", async () => {
    await createTopic("orders", "FIFO");
    await createGroup("billing", "orders");
    const ids: string[] = [];
    for (const _ of [1, 2, 3]) ids.push(await send("orders", { messageGroup: "g" }));
    const taken = await receive("billing", 1);
    const states = async () => Promise.all(ids.map(async (id) => (await statesOf(id)).billing?.state));
    await receive("billing", 1);
    expect(await states()).toEqual(["IN_FLIGHT", "WAITING", "WAITING"]);
    await settle("billing", "ack", taken);
    expect(await states()).toEqual(["SETTLED", "WAITING", "WAITING"]);
  });

  it("is found outside the progress item", async () => {
    await createTopic("orders", "FIFO");
    await createGroup("billing", "orders");
    const groups = Array.from({ length: 120 }, (_, index) => `g${index}`);
    const ids = new Map<string, string>();
    for (const name of ["first", "second"]) {
      for (const messageGroup of groups) ids.set(`${messageGroup} ${name}`, await send("orders", { messageGroup }));
      for (let round = 0; round < 30; round++) {
        const some = await receive("billing", 8);
        await broker.settleMessages(
          "billing",
          some.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs: 600_000 })),
        );
      }
    }
    const { uid } = await broker.getSubscription("billing", "orders");
    const outside = await Promise.all([0, 1].map(async (queueId) => (await table.items.get(progressKey(uid, queueId)))?.r));
    expect(Math.min(...(outside as number[]))).toBeGreaterThan(20);
    const backlogs = await table.items.query({ pk: backlogPk(uid, 0), limit: 100 });
    expect(backlogs.items.length).toBeGreaterThan(10);
    const states = new Map<string, number>();
    for (const [name, id] of ids) {
      const state = (await statesOf(id)).billing;
      const about = `${name.split(" ")[1]} ${state?.state} ${state?.attempt} ${state?.nextAttemptAtMs === undefined ? "" : "due"}`;
      states.set(about, (states.get(about) ?? 0) + 1);
    }
    expect(Object.fromEntries(states)).toEqual({ "first WAITING 1 due": 120, "second WAITING 0 ": 120 });
  });

  it("is passed over where it could not be read when it was its turn, and was mended since", async () => {
    await createTopic("orders");
    await createGroup("billing", "orders");
    const id = await send("orders", { body: new SeededRandom(1).bytes(64 * 1_024) });
    const [key = ""] = table.objects.keys();
    const bytes = (await table.objects.getRange(key, 0, 1_000_000)) as Uint8Array;
    table.objects.lose(key);
    const other = await table.process();
    expect(await other.receiveMessages("billing", { max: 1, waitMs: 0 })).toEqual([]);
    await expect(get(id, undefined, other)).rejects.toThrow(/cannot be read/);
    await table.objects.put(key, bytes);
    expect((await statesOf(id)).billing).toMatchObject({ state: "PASSED_OVER" });
  });

  it("cannot be told from a progress item that is damaged", async () => {
    await createTopic("orders");
    const { subscription } = await createGroup("billing", "orders");
    const id = await send("orders");
    const [message] = await receive("billing");
    const key = progressKey(subscription.uid, message!.queueId);
    const item = await table.items.get(key);
    await table.items.put({ ...item!, r: -1 });
    expect((await statesOf(id)).billing).toMatchObject({ state: "UNKNOWN" });
  });

  it("comes for so many groups at a time", async () => {
    await createTopic("orders");
    for (let index = 0; index < 5; index++) await createGroup(`g${index}`, "orders");
    const id = await send("orders");
    const first = await broker.getMessage(id, { limit: 3 });
    expect(first.groups.items.map(({ group }) => group)).toEqual(["g0", "g1", "g2"]);
    const second = await broker.getMessage(id, { limit: 3, after: first.groups.next });
    expect(second.groups.items.map(({ group }) => group)).toEqual(["g3", "g4"]);
    expect(second.groups.next).toBeUndefined();
  });
});

describe("a redelivery", () => {
  beforeEach(async () => {
    await createTopic("orders");
    await createGroup("billing", "orders");
    await createGroup("archive", "orders");
  });

  it("goes to one group, with attempt 1 again, and changes no state", async () => {
    const properties = new Map([["src", "web"]]);
    const sent = { tag: "paid", keys: ["k"], properties, bornAtMs: 1_700_000_000_000 };
    const id = await send("orders", sent);
    for (const group of ["billing", "archive"]) await settle(group, "ack", await receive(group));
    const redelivery = await broker.redeliverMessage(id, { group: "billing" });
    expect(redelivery).toEqual({
      messageId: id,
      group: "billing",
      topic: "orders",
      retryTopic: "%RETRY%billing%orders",
      queueId: 0,
      offset: 0,
      duplicate: false,
    });
    table.pass(2_001);
    const [again] = await receive("billing");
    expect(again).toMatchObject({ messageId: id, topic: "orders", attempt: 1, ...sent });
    expect(await receive("archive")).toEqual([]);
    expect((await statesOf(id)).billing).toMatchObject({ state: "SETTLED" });
  });

  it("happens once for one identity", async () => {
    const id = await send("orders");
    const once = { kind: "key", key: "r1", windowMs: HOUR_MS } as const;
    const first = await broker.redeliverMessage(id, { group: "billing", once });
    expect(await broker.redeliverMessage(id, { group: "billing", once })).toEqual({ ...first, duplicate: true });
    expect((await broker.redeliverMessage(id, { group: "billing" })).offset).toBe(1);
  });

  it("waits while the group is paused", async () => {
    const id = await send("orders");
    await settle("billing", "ack", await receive("billing"));
    await broker.pauseGroup("billing");
    await broker.redeliverMessage(id, { group: "billing" });
    table.pass(2_001);
    expect(await receive("billing")).toEqual([]);
    await broker.resumeGroup("billing");
    expect((await receive("billing")).map(({ messageId }) => messageId)).toEqual([id]);
  });

  it("is refused for groups and messages that are not there, and groups that do not read the topic", async () => {
    const id = await send("orders");
    await broker.putGroup("other", {});
    expect(await code(broker.redeliverMessage(id, { group: "none" }))).toBe("CONSUMER_GROUP_NOT_FOUND");
    expect(await code(broker.redeliverMessage(id, { group: "other" }))).toBe("BAD_REQUEST");
    expect(await code(broker.redeliverMessage("none", { group: "billing" }))).toBe("MESSAGE_NOT_FOUND");
    expect(await code(broker.redeliverMessage(id, { group: "billing", topic: "none" }))).toBe("TOPIC_NOT_FOUND");
    await settle("billing", "deadLetter", await receive("billing"));
    expect(await code(broker.redeliverMessage(id, { group: "billing", topic: "%DLQ%billing" }))).toBe("BAD_REQUEST");
  });
});
