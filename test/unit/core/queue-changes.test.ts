import { describe, expect, it } from "vitest";
import { SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import type { MessageInput, SendReceipt } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";

/** A message group that moves from queue 0 when one queue becomes eight. */
const GROUP = "k1";

const grouped = (body: string, more: Partial<MessageInput> = {}): MessageInput => ({
  body: Buffer.from(body),
  messageGroup: GROUP,
  ...more,
});

async function send(broker: RunningBroker, message: MessageInput): Promise<SendReceipt> {
  const [result] = await broker.sendMessages("orders", [message]);
  if (!result || BrokerError.is(result)) throw result ?? new Error("no result");
  return result;
}

/** An operator, who changes queues, and a sender with a process of its own, who has sent a second ago and knows the topic. */
async function setUp(type: "FIFO" | "MIXED" = "FIFO") {
  const table = brokerOverTable(SHARED_STORE);
  let meanwhile: (() => Promise<void>) | undefined;
  const clock = {
    nowMs: () => table.clock.nowMs(),
    async sleep(ms: number) {
      const work = meanwhile;
      meanwhile = undefined;
      await work?.();
      await table.clock.sleep(ms);
    },
  };
  const operator = await table.process(table.items, undefined, { clock });
  await operator.putTopic("orders", { queues: 1, type });
  await operator.putGroup("readers", {});
  await operator.putSubscription("readers", "orders", { startFrom: "earliest" });
  let slow: (() => Promise<void>) | undefined;
  const store: ItemStore = {
    get: (key) => table.items.get(key),
    batchGet: (keys) => table.items.batchGet(keys),
    query: (query) => table.items.query(query),
    put: (item, options) => slowly(() => table.items.put(item, options)),
    update: (key, changes, options) => slowly(() => table.items.update(key, changes, options)),
    delete: (key, options) => table.items.delete(key, options),
    transact: (writes) => slowly(() => table.items.transact(writes)),
  };
  async function slowly<T>(call: () => Promise<T>): Promise<T> {
    const work = slow;
    slow = undefined;
    await work?.();
    return call();
  }
  const sender = await table.process(store);
  await send(sender, grouped("m0"));
  expect(await receivedTexts(operator, "readers")).toEqual(["m0"]);
  table.pass(500);
  return {
    table,
    operator,
    sender,
    widen: () => operator.patchTopic("orders", { queues: 8 }),
    /** Done while the operator's request waits for the first time. */
    whileItWaits: (work: () => Promise<void>) => {
      meanwhile = work;
    },
    /** Done between the sender's next write and its effect. */
    beforeItsWrite: (work: () => Promise<void>) => {
      slow = work;
    },
    queues: async () => (await operator.getTopic("orders")).writeQueues,
  };
}

describe("a change of a FIFO topic's queues", () => {
  it("lets no other process send by the older count afterwards", async () => {
    const { sender, operator, widen } = await setUp();
    await widen();
    const receipts = [await send(sender, grouped("m1")), await send(operator, grouped("m2"))];
    expect(new Set(receipts.map((receipt) => "queueId" in receipt && receipt.queueId)).size).toBe(1);
    expect(await receivedTexts(operator, "readers")).toEqual(["m1", "m2"]);
  });

  it.each(["FIFO", "MIXED"] as const)(
    "finds what another process sent to a %s topic meanwhile, and leaves the counts",
    async (type) => {
      const { sender, operator, widen, whileItWaits, queues, table } = await setUp(type);
      whileItWaits(async () => void (await send(sender, grouped("m1"))));
      await expect(widen()).rejects.toMatchObject({ code: "PRECONDITION_FAILED", effect: "unknown" });
      expect(await queues()).toBe(1);
      // Message groups go on at once, where it is known.
      await send(operator, grouped("m2"));
      table.pass(2_001);
      await send(sender, grouped("m3"));
      expect(await receivedTexts(operator, "readers")).toEqual(["m1", "m2", "m3"]);
    },
  );

  it("refuses message groups, and nothing else, while it lasts", async () => {
    const { sender, widen, whileItWaits, queues, table } = await setUp("MIXED");
    whileItWaits(async () => {
      table.pass(2_001);
      const [plain, ofGroup, delayed] = await sender.sendMessages("orders", [
        { body: Buffer.from("plain") },
        grouped("m1"),
        grouped("m2", { delayMs: 60_000 }),
      ]);
      expect(plain).toMatchObject({ queueId: 0 });
      expect(ofGroup).toMatchObject({ code: "SERVER_BUSY", retryable: true, effect: "none" });
      expect(delayed).toHaveProperty("recallHandle");
      await receivedTexts(sender, "readers");
    });
    await widen();
    expect(await queues()).toBe(8);
  });

  it("does not acknowledge what took so long that it may have come by the older count", async () => {
    const { sender, widen, beforeItsWrite, queues } = await setUp();
    beforeItsWrite(async () => void (await widen()));
    await expect(send(sender, grouped("m1"))).rejects.toMatchObject({ code: "REQUEST_TIMEOUT", effect: "unknown" });
    expect(await queues()).toBe(8);
  });

  it("acknowledges what took long while the queues stand", async () => {
    const { sender, beforeItsWrite, table } = await setUp();
    beforeItsWrite(async () => void table.pass(6_000));
    expect(await send(sender, grouped("m1"))).toMatchObject({ queueId: 0 });
  });

  it("lets message groups go on half a minute after its process died", async () => {
    const { sender, operator, widen, whileItWaits, queues, table } = await setUp();
    await new Promise<void>((held) => {
      whileItWaits(() => {
        held();
        return new Promise(() => undefined);
      });
      void widen();
    });
    table.pass(2_001);
    await expect(send(sender, grouped("m1"))).rejects.toMatchObject({ code: "SERVER_BUSY" });
    table.pass(28_000);
    expect(await send(sender, grouped("m1"))).toMatchObject({ queueId: 0 });
    expect(await queues()).toBe(1);
    expect(await receivedTexts(operator, "readers")).toEqual(["m1"]);
  });

  it("changes nothing when its process wakes up after the others went on", async () => {
    const { sender, widen, whileItWaits, queues, table } = await setUp();
    whileItWaits(async () => {
      table.pass(3_600_000);
      await send(sender, grouped("m1"));
      // Drained again: only the version tells that somebody has sent.
      expect(await receivedTexts(sender, "readers")).toEqual(["m1"]);
    });
    await expect(widen()).rejects.toMatchObject({ code: "PRECONDITION_FAILED", effect: "unknown" });
    expect(await queues()).toBe(1);
    expect(await send(sender, grouped("m2"))).toMatchObject({ queueId: 0 });
  });

  it("refuses another change while it lasts", async () => {
    const { sender, widen, whileItWaits } = await setUp();
    whileItWaits(() =>
      expect(sender.patchTopic("orders", { queues: 4 })).rejects.toMatchObject({ code: "SERVER_BUSY", effect: "none" }),
    );
    await widen();
  });

  it("lets other settings change while it lasts, and is refused then", async () => {
    const { operator, sender, widen, whileItWaits } = await setUp();
    whileItWaits(async () => void (await sender.patchTopic("orders", { retentionHours: 5 })));
    await expect(widen()).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    expect(await operator.getTopic("orders")).toMatchObject({ retentionHours: 5, writeQueues: 1 });
  });

  it("keeps delayed messages that fall due meanwhile, and delivers them in their order", async () => {
    const { sender, operator, widen, whileItWaits, table } = await setUp("MIXED");
    for (const [body, delayMs] of [
      ["m1", 2_500],
      ["m2", 60_000],
    ] as const)
      await send(sender, grouped(body, { delayMs }));
    whileItWaits(async () => {
      table.pass(2_501);
      await operator.scan({ untilMs: table.pass(0) + 1_500 });
    });
    await widen();
    table.pass(60_000);
    await operator.scan({ untilMs: table.pass(0) + 5_000 });
    expect(await receivedTexts(operator, "readers")).toEqual(["m1", "m2"]);
    expect(table.failures).toEqual([]);
  });
});

it("a single process waits for its own sends alone", async () => {
  const table = brokerOverTable(SOLE_PROCESS);
  const broker = await table.process();
  await broker.putTopic("orders", { queues: 1, type: "FIFO" });
  const startedMs = table.pass(0);
  await broker.patchTopic("orders", { queues: 8 });
  expect(table.pass(0) - startedMs).toBe(3_000);
});
