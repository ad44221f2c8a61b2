import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { timersPk } from "../../../core/keys.ts";
import type { Item } from "../../../core/ports/item-store.ts";
import type { MessageInput, ScheduledReceipt } from "../../../core/terms.ts";
import { TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";

const KEY = "reminder/42";
const MINUTE_MS = 60_000;

const keyed = (body: string, delayMs: number, key = KEY): MessageInput => ({
  body: Buffer.from(body),
  delayMs,
  once: { kind: "key", key, windowMs: 3_600_000 },
});

async function schedule(broker: RunningBroker, message: MessageInput): Promise<ScheduledReceipt> {
  const [receipt] = await broker.sendMessages("reminders", [message]);
  if (!receipt || BrokerError.is(receipt) || !("recallHandle" in receipt)) throw receipt ?? new Error("no receipt");
  return receipt;
}

async function setUp() {
  const table = brokerOverTable(SHARED_STORE);
  const broker = await table.process();
  await broker.putTopic("reminders", { queues: 1, type: "MIXED" });
  await broker.putGroup("readers", {});
  await broker.putSubscription("readers", "reminders", { startFrom: "earliest" });
  /** What is delivered up to so long from now. */
  const delivered = async (ms: number): Promise<string[]> => {
    table.pass(ms);
    await broker.scan({ untilMs: table.pass(0) + 3_000 });
    return receivedTexts(broker, "readers");
  };
  return {
    table,
    broker,
    delivered,
    cancel: ({ recallHandle }: ScheduledReceipt) => broker.cancelMessage("reminders", recallHandle),
  };
}

describe("the dedup key of a delayed message", () => {
  it("is free once the message is cancelled, as often as that happens", async () => {
    const { broker, delivered, cancel } = await setUp();
    for (const body of ["first", "second"]) {
      const receipt = await schedule(broker, keyed(body, MINUTE_MS));
      expect(receipt.duplicate).toBe(false);
      expect(await schedule(broker, keyed("repeat", MINUTE_MS))).toMatchObject({ duplicate: true, messageId: receipt.messageId });
      await cancel(receipt);
      await cancel(receipt);
    }
    expect((await schedule(broker, keyed("third", 2_000))).duplicate).toBe(false);
    expect(await delivered(2_001)).toEqual(["third"]);
    expect(await delivered(MINUTE_MS)).toEqual([]);
    const [again] = await broker.sendMessages("reminders", [keyed("again", 2_000)]);
    expect(again).toMatchObject({ duplicate: true });
  });

  it("is free for a message that goes at once, and for one of a batch", async () => {
    const { broker, delivered, cancel } = await setUp();
    await cancel(await schedule(broker, keyed("first", MINUTE_MS)));
    const results = await broker.sendMessages("reminders", [keyed("now", 0), keyed("other", 1_000, "other")]);
    expect(results).toMatchObject([{ duplicate: false }, { duplicate: false }]);
    expect(await delivered(1_001)).toEqual(["now", "other"]);
  });

  it("stays taken while the message waits, also when it was moved, and is free when it is cancelled there", async () => {
    const { broker, delivered, cancel } = await setUp();
    const first = await schedule(broker, keyed("first", MINUTE_MS));
    const moved = await broker.rescheduleMessage("reminders", first.recallHandle, first.deliverAtMs + MINUTE_MS);
    expect(await schedule(broker, keyed("second", MINUTE_MS))).toMatchObject({ duplicate: true, messageId: first.messageId });
    await cancel({ ...first, recallHandle: moved.recallHandle });
    expect((await schedule(broker, keyed("third", 1_000))).duplicate).toBe(false);
    // The first one's handle is not the third one's.
    await cancel(first);
    expect(await schedule(broker, keyed("fourth", 1_000))).toMatchObject({ duplicate: true });
    expect(await delivered(3 * MINUTE_MS)).toEqual(["third"]);
  });

  it("stays taken where the delivery was first", async () => {
    const { broker, delivered, cancel } = await setUp();
    const first = await schedule(broker, keyed("first", 1_000));
    expect(await delivered(1_001)).toEqual(["first"]);
    await expect(cancel(first)).rejects.toMatchObject({ code: "ALREADY_DELIVERED", effect: "none" });
    const [again] = await broker.sendMessages("reminders", [keyed("again", 1_000)]);
    expect(again).toMatchObject({ duplicate: true });
  });

  it("is not taken from who has it by now", async () => {
    const { table, broker, cancel } = await setUp();
    const long = await schedule(broker, keyed("long", 3 * 3_600_000));
    table.pass(3_600_001);
    const next = await schedule(broker, keyed("next", 3_600_000));
    expect(next.duplicate).toBe(false);
    await cancel(long);
    expect(await schedule(broker, keyed("repeat", 1_000))).toMatchObject({ duplicate: true, messageId: next.messageId });
  });

  it.each(FAULTS)("is freed with the cancellation or not at all, whatever write meets %s", async (fault) => {
    for (let write = 0; write < 4; write++) {
      const { table, broker, delivered } = await setUp();
      const first = await schedule(broker, keyed("first", 2_000));
      const { store, applyLate } = faulty(table.items, write, fault);
      const other = await table.process(store);
      const cancelled = await other.cancelMessage("reminders", first.recallHandle).then(
        () => true,
        () => false,
      );
      if (!cancelled) await broker.cancelMessage("reminders", first.recallHandle);
      expect((await schedule(broker, keyed("second", 4_000))).duplicate).toBe(false);
      await applyLate();
      expect(await schedule(broker, keyed("repeat", 4_000))).toMatchObject({ duplicate: true });
      expect(await delivered(60_000)).toEqual(["second"]);
    }
  });

  it("does not let a late write of the first send come back when it was cancelled", async () => {
    const { table, delivered, broker } = await setUp();
    const { store, applyLate } = faulty(table.items, 0, "late");
    const sender = await table.process(store);
    const first = await schedule(sender, keyed("first", 2_000));
    await broker.cancelMessage("reminders", first.recallHandle);
    expect(await delivered(60_000)).toEqual([]);
    await applyLate();
    expect(await delivered(60_000)).toEqual([]);
  });

  it("does not matter to timers of a version that did not note it", async () => {
    const { table, broker, delivered, cancel } = await setUp();
    const first = await schedule(broker, keyed("first", MINUTE_MS));
    for (let shard = 0; shard < TIMER_SHARDS; shard++)
      for (const { dk: _, ...item } of (await table.items.query({ pk: timersPk(shard), limit: 10 })).items)
        await table.items.put(item as Item);
    await cancel(first);
    expect(await delivered(2 * MINUTE_MS)).toEqual([]);
  });
});
