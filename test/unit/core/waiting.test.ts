import { beforeEach, describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

let clock: ManualClock;
let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(async () => {
  clock = new ManualClock();
  table = brokerOverTable();
  broker = await table.process(table.items, undefined, { clock });
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", { leaseSeconds: 60 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

const send = (topic = "orders") => broker.sendMessages(topic, [{ body: Buffer.from("x") }]);

/** A receive that waits: what it got, and after how long. */
function wait(seconds: number, topics?: readonly string[], signal?: AbortSignal) {
  const startMs = clock.nowMs();
  const waiting = { got: undefined as readonly ReceivedMessage[] | undefined, afterMs: 0 };
  void broker.receiveMessages("billing", { max: 1, waitMs: seconds * 1_000, topics }, signal).then((messages) => {
    waiting.got = messages;
    waiting.afterMs = clock.nowMs() - startMs;
  });
  return waiting;
}

async function pass(seconds: number): Promise<void> {
  for (let tenth = 0; tenth < seconds * 10; tenth++) await clock.pass(100);
}

describe("a receive that waits", () => {
  const giveBack = async (delayMs: number): Promise<void> => {
    await send();
    const [message] = await broker.receiveMessages("billing", { max: 1, waitMs: 0 });
    const short = wait(3);
    await clock.pass(0);
    const long = wait(20);
    await clock.pass(0);
    await broker.settleMessages("billing", [{ action: "nack", receiptHandle: message?.receiptHandle as string, delayMs }]);
    await pass(7);
    expect(short.got).toEqual([]);
    expect(long.got).toHaveLength(1);
    expect(long.afterMs).toBe(delayMs);
  };

  it("hears of what falls due, also when the one that knew of it has gone", () => giveBack(5_000));

  it("hears of a lease that ends, also when the one that knew of it has gone", async () => {
    await send();
    await broker.receiveMessages("billing", { max: 1, waitMs: 0, leaseMs: 5_000 });
    const gone = new AbortController();
    wait(20, undefined, gone.signal);
    await clock.pass(0);
    const other = wait(20);
    await clock.pass(1_000);
    gone.abort();
    await pass(6);
    expect(other.got).toHaveLength(1);
    expect(other.afterMs).toBeLessThanOrEqual(5_100);
  });

  it("hears of what falls due while it looks where something else arrived", async () => {
    await broker.putTopic("parcels", { queues: 1 });
    // What arrives there wakes it, and is not for it.
    const filter = { type: "TAG", expression: "wanted" } as const;
    await broker.putSubscription("billing", "parcels", { startFrom: "earliest", filter });
    await send();
    await broker.receiveMessages("billing", { max: 1, waitMs: 0, leaseMs: 5_000 });
    const waiting = wait(20);
    await clock.pass(0);
    for (let second = 1; second <= 4; second++) {
      await pass(1);
      await send("parcels");
    }
    await pass(1.5);
    expect(waiting.got).toMatchObject([{ topic: "orders" }]);
    expect(waiting.afterMs).toBeLessThanOrEqual(5_200);
  });

  it("hears of what arrives while it is being woken for something else", async () => {
    await broker.putTopic("parcels", { queues: 1 });
    const filter = { type: "TAG", expression: "wanted" } as const;
    await broker.putSubscription("billing", "parcels", { startFrom: "earliest", filter });
    const waiting = wait(20);
    await clock.pass(0);
    await Promise.all([send("parcels"), send()]);
    await pass(0.5);
    expect(waiting.got).toMatchObject([{ topic: "orders" }]);
  });

  it("is woken by a topic that its group is subscribed to meanwhile", async () => {
    await broker.putTopic("parcels", { queues: 2 });
    await send("parcels");
    const waits = [wait(20), wait(20)];
    await clock.pass(1_000);
    await broker.putSubscription("billing", "parcels", { startFrom: "earliest" });
    await clock.pass(100);
    expect(waits.map(({ got }) => got?.length ?? 0).sort()).toEqual([0, 1]);
    await send("parcels");
    await clock.pass(100);
    expect(waits.map(({ got }) => got?.length ?? 0)).toEqual([1, 1]);
  });

  it("is woken when its group is no longer paused", async () => {
    await broker.pauseGroup("billing");
    const waiting = wait(20);
    await clock.pass(100);
    await send();
    await clock.pass(1_000);
    expect(waiting.got).toBeUndefined();
    await broker.resumeGroup("billing");
    await clock.pass(100);
    expect(waiting.got).toHaveLength(1);
  });

  it("reads no more for a message where there are many queues", async () => {
    await broker.putTopic("many", { queues: 64 });
    await broker.putSubscription("billing", "many", { startFrom: "earliest" });
    const reads = countReads();
    const waiting = wait(20);
    await clock.pass(100);
    reads.count = 0;
    await send("many");
    await clock.pass(100);
    expect(waiting.got).toHaveLength(1);
    expect(reads.count).toBeLessThanOrEqual(8);
  });

  it("leaves what arrives in two queues to two who wait", async () => {
    await broker.putTopic("many", { queues: 8 });
    await broker.putSubscription("billing", "many", { startFrom: "earliest" });
    const waits = [wait(20), wait(20), wait(20)];
    await clock.pass(100);
    await Promise.all([send("many"), send("many")]);
    await clock.pass(100);
    expect(waits.filter(({ got }) => got?.length === 1)).toHaveLength(2);
  });
});

function countReads(): { count: number } {
  const reads = { count: 0 };
  const { items } = table;
  const get = items.get.bind(items);
  const query = items.query.bind(items);
  const batchGet = items.batchGet.bind(items);
  items.get = (...args) => {
    reads.count++;
    return get(...args);
  };
  items.query = (...args) => {
    reads.count++;
    return query(...args);
  };
  items.batchGet = (keys, options) => {
    reads.count += keys.length;
    return batchGet(keys, options);
  };
  return reads;
}

describe("consumers that only poll", () => {
  const online = async () => (await broker.getGroup("billing")).consumersOnline;

  it("are online while their receives wait, and between two of them", async () => {
    expect(await online()).toBe(0);
    const waits = [wait(20), wait(20), wait(1)];
    await pass(0.1);
    expect(await online()).toBe(3);
    const { items } = await broker.listGroupsWithLag({ limit: 1 });
    expect(items[0]?.consumersOnline).toBe(3);
    await pass(21);
    expect(waits.every(({ got }) => got !== undefined)).toBe(true);
    // Nobody waits at this moment, and nobody went: each is at work on what it got.
    expect(await online()).toBe(3);
    wait(20);
    await pass(15);
    expect(await online()).toBe(2);
    await pass(45);
    expect(await online()).toBe(0);
  });

  it("count for as long as one receive waits", async () => {
    wait(100);
    for (let look = 0; look < 9; look++) {
      await pass(10);
      expect(await online()).toBe(1);
    }
  });

  it("are none where a receive does not wait", async () => {
    await broker.receiveMessages("billing", { max: 1, waitMs: 0 });
    expect(await online()).toBe(0);
  });

  it("and members are not added up", async () => {
    for (const client of ["a", "b"]) await broker.heartbeat("billing", client, {});
    wait(20);
    await pass(0.1);
    expect(await online()).toBe(2);
    wait(20);
    wait(20);
    await pass(0.1);
    expect(await online()).toBe(3);
    await broker.putGroup("other", {});
    expect((await broker.getGroup("other")).consumersOnline).toBe(0);
  });
});
