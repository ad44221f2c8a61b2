import { beforeEach, describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { backlogPk, FORMAT_KEY } from "../../../core/keys.ts";
import { DEFERRED_MAX, WAITING_CLAIMS_MAX } from "../../../core/limits.ts";
import { OLDEST_FORMAT } from "../../../core/store/store-format.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { expectWithinDynamoDb, FOUR_WRITE_UNITS, measuredProgress } from "../../support/broker/measured-progress.ts";

const HOUR_MS = 3_600_000;
/** `LARGE=1` runs what is promised; it takes minutes. */
const [GROUPS, BEHIND] = process.env.LARGE === undefined ? [1_000, 5_000] : [10_000, 100_000];

let table: ReturnType<typeof brokerOverTable>;
let measured: ReturnType<typeof measuredProgress>;
let broker: RunningBroker;

beforeEach(async () => {
  table = brokerOverTable();
  measured = measuredProgress(table.items);
  broker = await table.process(measured.store);
  await broker.putTopic("orders", { type: "FIFO", queues: 1 });
  await broker.putGroup("billing", { leaseSeconds: 600 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

async function send(messages: readonly (readonly [messageGroup: string, text: string])[]): Promise<void> {
  for (let from = 0; from < messages.length; from += 100)
    await broker.sendMessages(
      "orders",
      messages.slice(from, from + 100).map(([messageGroup, text]) => ({ messageGroup, body: Buffer.from(text) })),
    );
}

const receive = () => broker.receiveMessages("billing", { max: 32, waitMs: 0 });
const nack = (messages: readonly ReceivedMessage[], delayMs: number) =>
  broker.settleMessages(
    "billing",
    messages.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs })),
  );
const ack = (messages: readonly ReceivedMessage[]) =>
  broker.settleMessages(
    "billing",
    messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
  );
const texts = (messages: readonly ReceivedMessage[]): string[] => messages.map(({ body }) => Buffer.from(body).toString());
const inFlight = async () => (await broker.groupLag("billing")).items[0]?.inFlight;

/** Receives until there is nothing; a receive that passes over much may come back empty before. */
async function eachReceive(what: (messages: readonly ReceivedMessage[]) => Promise<unknown>): Promise<number> {
  let count = 0;
  for (let empty = 0; empty < 8; ) {
    const messages = await receive();
    empty = messages.length === 0 ? empty + 1 : 0;
    count += messages.length;
    if (messages.length > 0) await what(messages);
  }
  return count;
}

describe("message groups that fail", () => {
  it("in any number do not stop another, and come again when they are due, each in its order", { timeout: 900_000 }, async () => {
    const groups = Array.from({ length: GROUPS }, (_, index) => `group ${index}`);
    await send(groups.map((group) => [group, `${group}: 0`]));
    await eachReceive((messages) => nack(messages, HOUR_MS));
    await send([["healthy", "healthy"]]);
    const healthy = await receive();
    expect(texts(healthy)).toEqual(["healthy"]);
    await ack(healthy);
    await send(groups.map((group) => [group, `${group}: 1`]));
    await send([["healthy", "again"]]);
    await eachReceive(async (messages) => {
      expect(texts(messages)).toEqual(["again"]);
      await ack(messages);
    });
    expect(await inFlight()).toBe(2 * GROUPS);
    table.pass(2 * HOUR_MS);
    const next = new Map<string, number>();
    await eachReceive(async (messages) => {
      for (const { messageGroup = "", body } of messages) {
        const turn = next.get(messageGroup) ?? 0;
        expect(Buffer.from(body).toString()).toBe(`${messageGroup}: ${turn}`);
        next.set(messageGroup, turn + 1);
      }
      await ack(messages);
    });
    expect([...next.values()].filter((count) => count === 2)).toHaveLength(GROUPS);
    expect(await inFlight()).toBe(0);
    expect(measured.seen.largest).toBeLessThan(FOUR_WRITE_UNITS);
    expectWithinDynamoDb(measured.seen);
  });

  it.each(["held", "given back"])(
    "do not stop another however much waits behind one message that is %s",
    { timeout: 900_000 },
    async (how) => {
      const numbers = Array.from({ length: BEHIND }, (_, index) => String(index));
      await send([["busy", "head"]]);
      const head = await receive();
      if (how === "given back") await nack(head, HOUR_MS / 12);
      await send(numbers.map((number) => ["busy", number]));
      await send([["quiet", "other"]]);
      const others: string[] = [];
      await eachReceive(async (messages) => {
        others.push(...texts(messages));
        await ack(messages);
      });
      expect(others).toEqual(["other"]);
      expect(await inFlight()).toBe(BEHIND + 1);
      table.pass(HOUR_MS / 10);
      const came: string[] = how === "held" ? ["head"] : [];
      if (how === "held") await ack(head);
      await eachReceive(async (messages) => {
        came.push(...texts(messages));
        await ack(messages);
      });
      expect(came).toEqual(["head", ...numbers]);
      expect(await inFlight()).toBe(0);
      expect(measured.seen.largest).toBeLessThan(FOUR_WRITE_UNITS);
      expectWithinDynamoDb(measured.seen);
    },
  );

  it("leave room when large deliveries end, and come again in small ones", async () => {
    const groups = Array.from({ length: 40 }, (_, index) => `group ${index}`);
    for (const group of groups) await send(Array.from({ length: 32 }, (_, index) => [group, `${group}: ${index}`]));
    for (const max of [32, 1]) {
      for (let count = 0; count < 20; count++)
        expect(await broker.receiveMessages("billing", { max, waitMs: 0 })).toHaveLength(max);
      table.pass(HOUR_MS);
    }
    const next = new Map<string, number>();
    await eachReceive(async (messages) => {
      for (const { messageGroup = "", body } of messages) {
        const turn = next.get(messageGroup) ?? 0;
        expect(Buffer.from(body).toString()).toBe(`${messageGroup}: ${turn}`);
        next.set(messageGroup, turn + 1);
      }
      await ack(messages);
    });
    expect([...next.values()]).toEqual(groups.map(() => 32));
    expect(measured.seen.largest).toBeLessThan(FOUR_WRITE_UNITS);
    expectWithinDynamoDb(measured.seen);
  });

  it("do not stop one that waits outside, when it is free, by what is deferred behind them", async () => {
    const one = (max = 1) => broker.receiveMessages("billing", { max, waitMs: 0 });
    await send([["slow", "head"]]);
    const head = await one();
    await send(Array.from({ length: 2 * DEFERRED_MAX }, (_, index) => ["slow", String(index)]));
    expect(await receive()).toEqual([]);
    const groups = Array.from({ length: 26 }, (_, index) => `group ${index}`);
    await send(groups.map((group) => [group, "held"]));
    for (const _ of groups) expect(texts(await one())).toEqual(["held"]);
    for (let turn = 0; turn < 11; turn++) await send(groups.map((group) => [group, "deferred"]));
    expect(await receive()).toEqual([]);
    await ack(head);
    const came: string[] = [];
    await eachReceive(async (messages) => {
      came.push(...texts(messages));
      await ack(messages);
    });
    expect(came).toEqual(Array.from({ length: 2 * DEFERRED_MAX }, (_, index) => String(index)));
  });

  it("are given back, though what waits behind one of them cannot be read, and come after a reset", async () => {
    const numbers = Array.from({ length: 2 * DEFERRED_MAX }, (_, index) => String(index));
    await send([["busy", "head"]]);
    const head = await receive();
    await send(numbers.map((number) => ["busy", number]));
    await send(Array.from({ length: WAITING_CLAIMS_MAX }, (_, index) => [`group ${index}`, "failing"]));
    await eachReceive((messages) => nack(messages, HOUR_MS));
    const { uid } = await broker.getSubscription("billing", "orders");
    const backlogs = (await table.items.query({ pk: backlogPk(uid, 0), limit: 100 })).items;
    expect(backlogs.length).toBeGreaterThan(0);
    for (const { pk, sk } of backlogs) table.items.damage({ pk, sk });
    expect((await nack(head, 2 * HOUR_MS)).map(({ status }) => status)).toEqual(["nacked"]);
    await broker.resetOffsets("billing", { topic: "orders", to: "earliest", dryRun: false });
    const came: string[] = [];
    await eachReceive(async (messages) => {
      came.push(...texts(messages));
      await ack(messages);
    });
    expect(came.filter((text) => text !== "failing")).toEqual(["head", ...numbers]);
  });

  it("are the only ones that cost a move", async () => {
    const groups = Array.from({ length: 200 }, (_, index) => `group ${index}`);
    for (let turn = 0; turn < 10; turn++) await send(groups.map((group) => [group, `${group}: ${turn}`]));
    const held: (readonly ReceivedMessage[])[] = [];
    let count = 0;
    // Five consumers, each busy until all others have received.
    do {
      held.push(await receive());
      count += held.at(-1)?.length ?? 0;
      const done = held.length < 5 ? [] : (held.shift() ?? []);
      if (done.length > 0) await ack(done);
    } while (held.some(({ length }) => length > 0));
    expect(count).toBe(2_000);
    expect(measured.seen.moves).toBe(0);
  });

  it("stay in the item while the store's format does not know otherwise", async () => {
    const old = brokerOverTable(SHARED_STORE);
    await old.items.put({ ...FORMAT_KEY, v: OLDEST_FORMAT });
    measured = measuredProgress(old.items);
    broker = await old.process(measured.store);
    await broker.putTopic("orders", { type: "FIFO", queues: 1 });
    await broker.putGroup("billing", {});
    await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
    await send([["busy", "head"]]);
    await nack(await receive(), HOUR_MS);
    await send(Array.from({ length: DEFERRED_MAX + 1 }, (_, index) => ["busy", String(index)]));
    await send([["quiet", "other"]]);
    expect(await receive()).toEqual([]);
    expect(measured.seen.moves).toBe(0);
  });
});
