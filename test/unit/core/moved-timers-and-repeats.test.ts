import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { framesObjectExpiresMs, timersPk } from "../../../core/keys.ts";
import type { ItemStore, TransactWrite } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { MessageInput, ScheduledReceipt } from "../../../core/terms.ts";
import { TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const text = (body: string, fields: Partial<MessageInput> = {}): MessageInput => ({ body: Buffer.from(body), ...fields });
const key = (name: string, windowMs = DAY_MS) => ({ once: { kind: "key", key: name, windowMs } as const });

async function topics(broker: RunningBroker, ...names: readonly string[]): Promise<void> {
  await broker.putGroup("readers", {});
  for (const name of names) {
    await broker.putTopic(name, { type: "MIXED", queues: 1 });
    await broker.putSubscription("readers", name, { startFrom: "earliest" });
  }
}

async function schedule(broker: RunningBroker, topic: string, message: MessageInput): Promise<ScheduledReceipt> {
  const [receipt] = await broker.sendMessages(topic, [message]);
  if (!receipt || !("recallHandle" in receipt)) throw receipt ?? new Error("no receipt");
  return receipt;
}

/** A store that counts what is read of timers, and turns transactions away. */
function watched(inner: ItemStore, refuses: (writes: readonly TransactWrite[]) => boolean = () => false) {
  const seen = { timersRead: 0, queries: 0 };
  const store: ItemStore = {
    get: (place) => inner.get(place),
    batchGet: (keys) => inner.batchGet(keys),
    async query(query) {
      const page = await inner.query(query);
      if (query.pk.startsWith("t#")) {
        seen.queries++;
        seen.timersRead += page.items.length;
      }
      return page;
    },
    put: (item, options) => inner.put(item, options),
    update: (place, changes, options) => inner.update(place, changes, options),
    delete: (place, options) => inner.delete(place, options),
    async transact(writes) {
      if (refuses(writes)) throw new StoreUnavailable("not-applied", "throttled", "too hot");
      return inner.transact(writes);
    },
  };
  return { store, seen };
}

const touches = (writes: readonly TransactWrite[], pk: string): boolean =>
  writes.some((write) => (write.kind === "put" ? write.item.pk : write.key.pk).startsWith(pk));

describe("a delayed message that is moved", () => {
  it("takes its large body along, to an object that lives as long", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const body = new SeededRandom(1).bytes(50_000);
    const { recallHandle } = await schedule(broker, "orders", { body, delayMs: HOUR_MS });
    await broker.rescheduleMessage("orders", recallHandle, table.clock.nowMs() + 20 * DAY_MS);
    table.pass(20 * DAY_MS - MINUTE_MS);
    // What the bucket's rules do.
    for (const name of table.objects.keys("log/"))
      if (framesObjectExpiresMs(name) <= table.clock.nowMs()) table.objects.lose(name);
    await broker.scan({ untilMs: table.pass(2 * MINUTE_MS) + 10_000 });
    const [received] = await broker.receiveMessages("readers", { max: 1, waitMs: 0 });
    expect(Buffer.from(received?.body ?? []).equals(body)).toBe(true);
  });

  it("is found by its first handle after any number of moves, also long after the first time", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const { recallHandle, messageId } = await schedule(broker, "orders", text("x", { delayMs: MINUTE_MS }));
    const startMs = table.clock.nowMs();
    for (const delayMs of [2 * MINUTE_MS, 5 * MINUTE_MS, 3 * DAY_MS])
      await broker.rescheduleMessage("orders", recallHandle, startMs + delayMs);
    await broker.scan({ untilMs: table.pass(2 * HOUR_MS) + 10_000 });
    expect((await broker.listScheduled("orders", { limit: 10 })).items).toMatchObject([{ messageId }]);
    await broker.cancelMessage("orders", recallHandle);
    await broker.scan({ untilMs: table.pass(4 * DAY_MS) + 10_000 });
    expect(await receivedTexts(broker, "readers")).toEqual([]);
  });

  it("goes back and forth to the very millisecond, at the same cost each time", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const one = table.clock.nowMs() + HOUR_MS;
    const other = one + MINUTE_MS;
    const { recallHandle } = await schedule(broker, "orders", text("x", { deliverAtMs: one }));
    for (let times = 0; times < 50; times++) {
      for (const deliverAtMs of [other, one])
        expect(await broker.rescheduleMessage("orders", recallHandle, deliverAtMs)).toMatchObject({ deliverAtMs });
    }
    await broker.scan({ untilMs: table.pass(HOUR_MS + MINUTE_MS) + 10_000 });
    expect(await receivedTexts(broker, "readers")).toEqual(["x"]);
  });
});

describe("a cancel answers the message's id", () => {
  it.each([
    ["that the broker made", {}],
    ["that the producer chose", { messageId: "mine" }],
    ["of a send with a dedup key", { dedupKey: "once" }],
    ["of its choice, with a dedup key", { messageId: "mine", dedupKey: "once" }],
  ])("%s, each time, wherever the message was, and when its tombstone is gone", async (_, fields) => {
    for (const moves of [0, 1]) {
      const table = brokerOverTable();
      const broker = await table.process();
      await topics(broker, "orders");
      const { recallHandle, messageId } = await schedule(broker, "orders", text("x", { delayMs: MINUTE_MS, ...fields }));
      if ("messageId" in fields) expect(messageId).toBe(fields.messageId);
      if (moves > 0) await broker.rescheduleMessage("orders", recallHandle, table.clock.nowMs() + 2 * MINUTE_MS);
      const cancel = () => broker.cancelMessage("orders", recallHandle);
      expect(await cancel()).toEqual({ messageId });
      expect(await cancel()).toEqual({ messageId });
      await broker.scan({ untilMs: table.pass(10 * MINUTE_MS) + 10_000 });
      expect(await cancel()).toEqual({ messageId });
    }
  });
});

describe("a message that comes back to a place it had", () => {
  it("stays cancelled though a scanner that froze clears its older tombstone", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const { store } = watched(table.items);
    let meanwhile: (() => Promise<void>) | undefined;
    store.delete = async (place, options) => {
      const work = meanwhile;
      if (work && place.pk.startsWith("t#")) {
        meanwhile = undefined;
        await work();
      }
      return table.items.delete(place, options);
    };
    const scanner = await table.process(store);
    const first = table.clock.nowMs() + 10 * SECOND_MS;
    const { recallHandle } = await schedule(broker, "orders", text("x", { deliverAtMs: first }));
    await broker.rescheduleMessage("orders", recallHandle, first + MINUTE_MS);
    table.pass(10 * SECOND_MS);
    meanwhile = async () => {
      await broker.rescheduleMessage("orders", recallHandle, first);
      await broker.cancelMessage("orders", recallHandle);
    };
    await scanner.scan({ untilMs: table.clock.nowMs() + 500 });
    await broker.cancelMessage("orders", recallHandle);
    await scanner.scan({ untilMs: table.pass(10 * MINUTE_MS) + 500 });
    await broker.cancelMessage("orders", recallHandle);
    expect(await receivedTexts(broker, "readers")).toEqual([]);
  });

  it("is not moved again by a call that comes late", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const { store } = watched(table.items);
    let countdown = 0;
    let late: (() => Promise<unknown>) | undefined;
    store.transact = async (writes) => {
      countdown--;
      if (countdown !== 0) return table.items.transact(writes);
      late = () => table.items.transact(writes);
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    };
    const other = await table.process(store);
    const one = table.clock.nowMs() + 2 * HOUR_MS;
    const sooner = one - HOUR_MS;
    const { recallHandle } = await schedule(broker, "orders", text("x", { deliverAtMs: one }));
    for (const deliverAtMs of [sooner, one]) await broker.rescheduleMessage("orders", recallHandle, deliverAtMs);
    countdown = 2;
    await other.rescheduleMessage("orders", recallHandle, sooner);
    await broker.rescheduleMessage("orders", recallHandle, one);
    await late?.();
    await broker.scan({ untilMs: table.pass(HOUR_MS) + 500 });
    expect(await receivedTexts(broker, "readers")).toEqual([]);
    await broker.scan({ untilMs: table.pass(HOUR_MS) + 500 });
    expect(await receivedTexts(broker, "readers")).toEqual(["x"]);
  });
});

describe("tombstones", () => {
  it("are out of the scanner's way once they are due, and remembered for an hour", async () => {
    const table = brokerOverTable();
    const { store, seen } = watched(table.items);
    const broker = await table.process(store);
    await topics(broker, "orders");
    const entries = Array.from({ length: 100 }, () => text("x", { delayMs: MINUTE_MS }));
    const handles: string[] = [];
    for (let times = 0; times < 5; times++)
      for (const receipt of await broker.sendMessages("orders", entries))
        if ("recallHandle" in receipt) handles.push(receipt.recallHandle);
    for (const handle of handles) await broker.cancelMessage("orders", handle);
    await broker.scan({ untilMs: table.pass(2 * MINUTE_MS) + 10_000 });
    for (let shard = 0; shard < TIMER_SHARDS; shard++)
      expect((await table.items.query({ pk: timersPk(shard), limit: 10 })).items).toEqual([]);
    seen.timersRead = 0;
    await broker.scan({ untilMs: table.pass(0) + 10_000 });
    expect(seen.timersRead).toBe(0);
    table.pass(50 * MINUTE_MS);
    for (const handle of handles) await broker.cancelMessage("orders", handle);
    await expect(broker.rescheduleMessage("orders", handles[0] ?? "", table.pass(MINUTE_MS))).rejects.toMatchObject({
      code: "MESSAGE_NOT_FOUND",
    });
  });

  it("ahead are read in pages", async () => {
    const table = brokerOverTable();
    const { store, seen } = watched(table.items);
    const broker = await table.process(store);
    await topics(broker, "orders");
    for (let times = 0; times < 8; times++) {
      const receipts = await broker.sendMessages(
        "orders",
        Array.from({ length: 100 }, () => text("x", { delayMs: 50 * SECOND_MS })),
      );
      for (const receipt of receipts) if ("recallHandle" in receipt) await broker.cancelMessage("orders", receipt.recallHandle);
    }
    seen.queries = 0;
    const startMs = table.clock.nowMs();
    await broker.scan({ untilMs: startMs + 30 * SECOND_MS });
    expect(seen.queries).toBeLessThan(20);
    // Nothing but tombstones is nothing to stay for.
    expect(table.clock.nowMs()).toBe(startMs);
  });
});

describe("the scanner beside one that is stuck", () => {
  it("delivers other topics' messages within a second or two", async () => {
    const table = brokerOverTable();
    const setUp = await table.process();
    await topics(setUp, "stuck", "fine");
    const { uid } = await setUp.getTopic("stuck");
    const { store } = watched(table.items, (writes) => touches(writes, `q#${uid}#`));
    const broker = await table.process(store);
    const startMs = table.clock.nowMs();
    await schedule(broker, "stuck", text("stuck", { delayMs: SECOND_MS }));
    for (let at = 1; at <= 10; at++) await schedule(broker, "fine", text(String(at), { delayMs: SECOND_MS + at * 1_500 }));
    await broker.scan({ untilMs: startMs + 30 * SECOND_MS });
    const received = await broker.receiveMessages("readers", { max: 32, waitMs: 0 });
    expect(received).toHaveLength(10);
    for (const { storedAtMs, body } of received) {
      const dueMs = startMs + SECOND_MS + Number(Buffer.from(body).toString()) * 1_500;
      expect(storedAtMs - dueMs).toBeLessThan(2_500);
    }
  });

  it("delivers a message behind thousands of checks", async () => {
    const table = brokerOverTable();
    let checked = 0;
    let checkedBefore: number | undefined;
    const { store } = watched(table.items, (writes) => {
      if (touches(writes, "q#")) checkedBefore = checked;
      else if (touches(writes, "x#")) checked++;
      return false;
    });
    const broker = await table.process(store);
    await topics(broker, "orders");
    for (let at = 0; at < 3_000; at++)
      await broker.sendHalfMessage("orders", text("half"), { producerGroup: "p", checkAfterMs: 5 * MINUTE_MS });
    await schedule(broker, "orders", text("x", { deliverAtMs: table.clock.nowMs() + 5 * MINUTE_MS + 1 }));
    checked = 0;
    await broker.scan({ untilMs: table.pass(6 * MINUTE_MS) + 10_000 });
    expect(await receivedTexts(broker, "readers")).toEqual(["x"]);
    expect(checkedBefore).toBeLessThan(2_000);
  });
});

describe("entries of one call", () => {
  it("do not suffer for one whose key belongs to a transaction", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    await broker.sendHalfMessage("orders", text("half", key("taken")), { producerGroup: "p", checkAfterMs: HOUR_MS });
    const results = await broker.sendMessages("orders", [text("a", key("a")), text("b", key("taken")), text("c")]);
    expect(results).toMatchObject([{ duplicate: false }, { code: "BAD_REQUEST" }, { duplicate: false }]);
  });

  it("do not suffer for a repeat whose message has expired", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await broker.putTopic("short", { queues: 1, retentionHours: 1 });
    const sequence = (number: number) => text("x", { once: { kind: "sequence", producerId: "p", sequence: number } });
    await broker.sendMessages("short", [sequence(1)]);
    const { uid } = await broker.getTopic("short");
    table.pass(3 * DAY_MS);
    for (const { pk, sk } of (await table.items.query({ pk: `q#${uid}#0`, limit: 10 })).items)
      await table.items.delete({ pk, sk });
    expect(await broker.sendMessages("short", [sequence(1), sequence(2)])).toMatchObject([
      { code: "MESSAGE_EXPIRED" },
      { duplicate: false },
    ]);
  });

  it("keep their order when the store fails for a while, and take no longer than one of them", async () => {
    const table = brokerOverTable();
    const setUp = await table.process();
    await topics(setUp, "orders");
    const { uid } = await setUp.getTopic("orders");
    const startMs = table.clock.nowMs();
    const { store } = watched(table.items, (writes) => touches(writes, `q#${uid}#`) && table.clock.nowMs() < startMs + 10_500);
    const broker = await table.process(store);
    const entries = Array.from({ length: 100 }, (_, at) => text(String(at), { ...key(`k${at}`), messageGroup: "g" }));
    const first = await broker.sendMessages("orders", entries);
    expect(new Set(first.map((result) => ("code" in result ? result.code : "stored")))).toEqual(new Set(["STORE_UNAVAILABLE"]));
    expect(table.clock.nowMs() - startMs).toBeLessThan(15 * SECOND_MS);
    table.pass(SECOND_MS);
    await broker.sendMessages("orders", entries);
    expect(await receivedTexts(broker, "readers")).toEqual(entries.map(({ body }) => Buffer.from(body).toString()));
  });

  it("stop at the first run that a failing store does not take", async () => {
    const table = brokerOverTable();
    const setUp = await table.process();
    await topics(setUp, "orders");
    const startMs = table.clock.nowMs();
    const { store } = watched(table.items, () => true);
    const broker = await table.process(store);
    const entries = Array.from({ length: 100 }, (_, at) =>
      text(String(at), { once: { kind: "sequence", producerId: "p", sequence: at }, ...(at % 2 === 0 && { delayMs: HOUR_MS }) }),
    );
    for (const result of await broker.sendMessages("orders", entries))
      expect(result).toMatchObject({ code: "STORE_UNAVAILABLE" });
    expect(table.clock.nowMs() - startMs).toBeLessThan(15 * SECOND_MS);
  });
});

describe("repeats of a large send with a dedup key", () => {
  it.each([
    ["at once", {}],
    ["delayed", { delayMs: DAY_MS }],
  ])("store nothing: %s", async (_, fields) => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const message = { body: new SeededRandom(1).bytes(50_000), ...fields, ...key("k") };
    const objects = async () => table.objects.keys("log/").length;
    const [first] = await broker.sendMessages("orders", [message]);
    for (let times = 0; times < 3; times++)
      expect(await broker.sendMessages("orders", [message])).toEqual([{ ...first, duplicate: true }]);
    expect(await objects()).toBe(1);
  });

  it("store nothing: half messages", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    const message = { body: new SeededRandom(1).bytes(50_000), ...key("k") };
    const options = { producerGroup: "p", checkAfterMs: HOUR_MS };
    const first = await broker.sendHalfMessage("orders", message, options);
    expect(await broker.sendHalfMessage("orders", message, options)).toEqual({ ...first, duplicate: true });
    expect(table.objects.keys("log/")).toHaveLength(1);
  });
});

it("a delayed send that was lost, fired and repeated by itself is no duplicate", async () => {
  const table = brokerOverTable(SHARED_STORE);
  const healthy = await table.process();
  await topics(healthy, "orders");
  let lost = false;
  const { store } = watched(table.items);
  const transact = store.transact.bind(store);
  store.transact = async (writes) => {
    const result = await transact(writes);
    if (lost || !touches(writes, "k#")) return result;
    lost = true;
    table.pass(2 * SECOND_MS);
    await healthy.scan({ untilMs: table.clock.nowMs() + 500 });
    throw new StoreUnavailable("unknown", "unavailable", "no reply");
  };
  const broker = await table.process(store);
  expect(await broker.sendMessages("orders", [text("x", { delayMs: SECOND_MS, ...key("k") })])).toMatchObject([
    { duplicate: false },
  ]);
  expect(await receivedTexts(healthy, "readers")).toEqual(["x"]);
});

it("a parked message is deleted by an id that can be one", async () => {
  const broker = await brokerOverTable().process();
  for (const id of ["", "x", "é".repeat(2_000), `${"1".repeat(15)}-${"A".repeat(32)}`])
    await expect(broker.deleteParked(id)).rejects.toMatchObject({ code: "MESSAGE_NOT_FOUND" });
});
