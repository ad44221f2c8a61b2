import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { blockKey, SHARD_LEASES_KEY, timersPk } from "../../../core/keys.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore, TransactWrite } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { MessageInput, ScheduledReceipt } from "../../../core/terms.ts";
import { SCAN_LEASE_MS, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { besideScanner, heldShards } from "../../support/broker/held-shards.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";

const MINUTE_MS = 60_000;

const text = (body: string, fields: Partial<MessageInput> = {}): MessageInput => ({ body: Buffer.from(body), ...fields });

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

/** A store that counts its writes, and fails those that `refuses` names. */
function watched(inner: ItemStore, refuses: (writes: readonly TransactWrite[]) => boolean = () => false) {
  let writes = 0;
  const count = <T>(call: () => Promise<T>): Promise<T> => {
    writes++;
    return call();
  };
  const store: ItemStore = {
    get: (key) => inner.get(key),
    batchGet: (keys) => inner.batchGet(keys),
    query: (query) => inner.query(query),
    put: (item, options) => count(() => inner.put(item, options)),
    update: (key, changes, options) => count(() => inner.update(key, changes, options)),
    delete: (key, options) => count(() => inner.delete(key, options)),
    async transact(all) {
      if (refuses(all)) throw new StoreUnavailable("not-applied", "throttled", "too hot");
      return count(() => inner.transact(all));
    },
  };
  return { store, writes: () => writes };
}

describe("the scanner", () => {
  const tick = (broker: RunningBroker, nowMs: number) => broker.scan({ untilMs: nowMs + MINUTE_MS - 3_000 });

  it("writes nothing while nothing is due within a minute", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const { store, writes } = watched(table.items);
    const broker = await table.process(store);
    await topics(broker, "orders");
    await schedule(broker, "orders", text("later", { delayMs: 3 * MINUTE_MS }));
    const before = writes();
    expect(await tick(broker, table.pass(0))).toMatchObject({ fired: 0, held: false });
    expect(writes()).toBe(before);
  });

  it("sleeps to the due time, fires, and gives the lease back", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await topics(broker, "orders");
    const { deliverAtMs } = await schedule(broker, "orders", text("soon", { delayMs: 20_000 }));
    expect(await tick(broker, table.pass(0))).toMatchObject({ fired: 1 });
    expect(await table.items.get(SHARD_LEASES_KEY)).toMatchObject({ h0: "", u0: 0, h3: "", u3: 0 });
    const [received] = await broker.receiveMessages("readers", { max: 1, waitMs: 0 });
    expect(received?.storedAtMs).toBe(deliverAtMs);
  });

  it("leaves the work to whoever holds the lease, and takes over from one who died", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await topics(broker, "orders");
    await schedule(broker, "orders", text("soon", { delayMs: 1_000 }));
    const alive = besideScanner(table.items, () => table.clock.nowMs());
    expect(await tick(await table.process(alive), table.pass(0))).toEqual({ fired: 0, parked: 0, held: true });
    expect(await tick(broker, table.pass(0))).toMatchObject({ fired: 1, held: false });
  });

  it("is rung for what is due before the next tick, unless someone scans", async () => {
    const table = brokerOverTable(SHARED_STORE);
    let rings = 0;
    const broker = await table.process(table.items, { ring: async () => void rings++ });
    await topics(broker, "orders");
    await schedule(broker, "orders", text("far", { delayMs: 2 * MINUTE_MS }));
    expect(rings).toBe(0);
    await schedule(broker, "orders", text("near", { delayMs: 20_000 }));
    expect(rings).toBe(1);
    table.pass(2_000);
    const watchedUntilMs = table.clock.nowMs() + MINUTE_MS;
    await table.items.put(heldShards(table.clock.nowMs(), { watchedUntilMs }));
    await schedule(broker, "orders", text("near", { delayMs: 20_000 }));
    expect(rings).toBe(1);
    table.pass(2 * SCAN_LEASE_MS);
    await schedule(broker, "orders", text("near", { delayMs: 20_000 }));
    expect(rings).toBe(2);
  });

  it("goes on with other topics when a queue takes nothing, and delivers that one's in order later", async () => {
    const table = brokerOverTable();
    const setUp = await table.process();
    await topics(setUp, "stuck", "fine");
    const { uid } = await setUp.getTopic("stuck");
    let hot = true;
    const { store } = watched(table.items, (all) => hot && all.some((write) => JSON.stringify(write).includes(`q#${uid}#`)));
    const broker = await table.process(store);
    for (let at = 0; at < 30; at++)
      await schedule(broker, "stuck", text(`stuck ${at}`, { delayMs: 1_000 + at, messageGroup: "g" }));
    await schedule(broker, "fine", text("fine", { delayMs: 2_000 }));
    const { fired } = await broker.scan({ untilMs: table.pass(3_000) + 500 });
    expect(fired).toBe(1);
    expect(table.failures.length).toBeGreaterThan(0);
    expect(await receivedTexts(broker, "readers")).toEqual(["fine"]);
    hot = false;
    await broker.scan({ untilMs: table.pass(MINUTE_MS) + 10_000 });
    expect(await receivedTexts(broker, "readers")).toEqual(Array.from({ length: 30 }, (_, at) => `stuck ${at}`));
  });

  it("is not stopped by what it cannot read", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await topics(broker, "orders");
    for (let shard = 0; shard < TIMER_SHARDS; shard++)
      await table.items.put({ pk: timersPk(shard), sk: "000000000000001-unknown", k: "?" });
    const { uid } = await broker.getTopic("orders");
    await table.items.put({ pk: timersPk(0), sk: "000000000000002-damaged", k: "m", u: uid, n: "orders", f: Buffer.alloc(40) });
    await table.items.put({ pk: timersPk(0), sk: "000000000000003-cut", k: "m", u: uid, n: "orders", f: Buffer.alloc(3, 255) });
    await schedule(broker, "orders", text("good", { delayMs: 10 }));
    expect(await broker.scan({ untilMs: table.pass(1_000) + 5_000 })).toMatchObject({ fired: 1, parked: 2 });
    expect(await receivedTexts(broker, "readers")).toEqual(["good"]);
    const { items } = await broker.listParked({ limit: 10 });
    const reason = expect.stringContaining("cannot be read");
    expect(items).toMatchObject([
      { messageId: "damaged", reason },
      { messageId: "cut", reason },
    ]);
  });

  it("delivers many that are due at once in few transactions", async () => {
    const table = brokerOverTable();
    const { store, writes } = watched(table.items);
    const broker = await table.process(store);
    await topics(broker, "orders");
    const entries = Array.from({ length: 100 }, (_, at) => text(String(at), { delayMs: 1_000, messageGroup: "g" }));
    for (let times = 0; times < 10; times++) await broker.sendMessages("orders", entries);
    const before = writes();
    expect(await broker.scan({ untilMs: table.pass(2_000) + 30_000 })).toMatchObject({ fired: 1_000 });
    expect(writes() - before).toBeLessThan(20);
    const numbers = Array.from({ length: 10 }, () => entries.map(({ body }) => Buffer.from(body).toString())).flat();
    expect(await receivedTexts(broker, "readers")).toEqual(numbers);
  });
});

describe("a delayed send whose reply is lost", () => {
  /** The first put of a timer is applied, or lost, or comes late; its reply never comes. */
  const lossy = (inner: ItemStore, fault: "replyLost" | "late") => {
    const late: (() => Promise<unknown>)[] = [];
    const store: ItemStore = { ...watched(inner).store };
    store.put = async (item, options) => {
      if (!item.pk.startsWith("t#") || late.length > 0) return inner.put(item, options);
      late.push(() => inner.put(item, options));
      if (fault === "replyLost") await inner.put(item, options);
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    };
    return { store, applyLate: () => Promise.all(late.map((apply) => apply())) };
  };

  it("is repeated while it is far from due", async () => {
    for (const fault of ["replyLost", "late"] as const) {
      const table = brokerOverTable(SHARED_STORE);
      const { store, applyLate } = lossy(table.items, fault);
      const broker = await table.process(store);
      await topics(broker, "orders");
      await schedule(broker, "orders", text("once", { delayMs: 3 * FLIGHT_MS_MAX }));
      table.pass(FLIGHT_MS_MAX);
      await applyLate();
      await broker.scan({ untilMs: table.pass(2 * FLIGHT_MS_MAX) + 30_000 });
      expect(await receivedTexts(broker, "readers")).toEqual(["once"]);
    }
  });

  it("is not repeated when it is nearly due: a late one would deliver twice", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const { store, applyLate } = lossy(table.items, "late");
    const broker = await table.process(store);
    await topics(broker, "orders");
    const [answer] = await broker.sendMessages("orders", [text("once", { delayMs: 1_000 })]);
    expect(answer).toMatchObject({ code: "REQUEST_TIMEOUT" });
    await broker.scan({ untilMs: table.pass(5_000) + 10_000 });
    await applyLate();
    await broker.scan({ untilMs: table.pass(5_000) + 10_000 });
    expect(await receivedTexts(broker, "readers")).toEqual(["once"]);
  });
});

describe("a timer under faults", () => {
  const delay = { delayMs: 20 * FLIGHT_MS_MAX };

  it.each(FAULTS)("is cancelled or delivered, never both: %s at every write", async (fault) => {
    for (let at = 0; ; at++) {
      const table = brokerOverTable(SHARED_STORE);
      const healthy = await table.process();
      await topics(healthy, "orders");
      const { recallHandle, deliverAtMs } = await schedule(healthy, "orders", text("x", delay));
      const { store, reached, applyLate } = faulty(table.items, at, fault);
      const shaky = await table.process(store);
      const cancelled = await shaky.cancelMessage("orders", recallHandle).then(
        () => "cancelled",
        (error) => error.code as string,
      );
      table.pass(deliverAtMs - table.clock.nowMs() + 1);
      await healthy.scan({ untilMs: table.pass(0) + 20_000 });
      await applyLate();
      const again = await healthy.cancelMessage("orders", recallHandle).then(
        () => "cancelled",
        (error) => error.code as string,
      );
      await healthy.scan({ untilMs: table.pass(1_000) + 20_000 });
      const delivered = (await receivedTexts(healthy, "readers")).length;
      expect(delivered, `write ${at}`).toBe(again === "cancelled" ? 0 : 1);
      if (cancelled === "cancelled") expect(again).toBe("cancelled");
      if (!reached()) return;
    }
  });

  it.each(FAULTS)("is moved and delivered once: %s at every write", async (fault) => {
    for (let at = 0; ; at++) {
      const table = brokerOverTable(SHARED_STORE);
      const healthy = await table.process();
      await topics(healthy, "orders");
      const { recallHandle, deliverAtMs } = await schedule(healthy, "orders", text("x", delay));
      const { store, reached, applyLate } = faulty(table.items, at, fault);
      const shaky = await table.process(store);
      const wanted = deliverAtMs + MINUTE_MS;
      await shaky.rescheduleMessage("orders", recallHandle, wanted).catch(() => undefined);
      await applyLate();
      const { deliverAtMs: moved } = await healthy.rescheduleMessage("orders", recallHandle, wanted);
      expect(moved).toBe(wanted);
      await shaky.scan({ untilMs: table.pass(wanted - table.clock.nowMs() - 1) }).catch(() => undefined);
      expect(await receivedTexts(healthy, "readers"), `early, write ${at}`).toEqual([]);
      await shaky.scan({ untilMs: table.pass(1_000) + 20_000 }).catch(() => undefined);
      await applyLate();
      await healthy.scan({ untilMs: table.pass(2 * MINUTE_MS) + 20_000 });
      expect(await receivedTexts(healthy, "readers"), `write ${at}`).toEqual(["x"]);
      expect((await healthy.listScheduled("orders", { limit: 10 })).items).toEqual([]);
      if (!reached()) return;
    }
  });

  it.each(FAULTS)("with a dedup key is stored once however often it is sent: %s at every write", async (fault) => {
    for (let at = 0; ; at++) {
      const table = brokerOverTable(SHARED_STORE);
      const healthy = await table.process();
      await topics(healthy, "orders");
      const { store, reached, applyLate } = faulty(table.items, at, fault);
      const shaky = await table.process(store);
      const once = { kind: "key", key: "k", windowMs: 86_400_000 } as const;
      const sends = [text("now", { once }), text("later", { delayMs: 60_000, once: { ...once, key: "l" } })];
      const first = await shaky.sendMessages("orders", sends).catch(() => []);
      const second = await healthy.sendMessages("orders", sends);
      await applyLate();
      const third = await healthy.sendMessages("orders", sends);
      for (const [nth, answer] of third.entries()) {
        expect(answer).toEqual({ ...second[nth], duplicate: true });
        if (first[nth] && "messageId" in first[nth]) expect(second[nth]).toEqual({ ...first[nth], duplicate: true });
      }
      await healthy.scan({ untilMs: table.pass(2 * MINUTE_MS) + 20_000 });
      expect(await receivedTexts(healthy, "readers"), `write ${at}`).toEqual(["now", "later"]);
      if (!reached()) return;
    }
  });
});

describe("a send that was stored", () => {
  it("answers with its offset for as long as its window lasts, and is stored anew after", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await broker.putTopic("short", { queues: 1, retentionHours: 24 });
    const once = { kind: "key", key: "k", windowMs: 24 * 60 * MINUTE_MS } as const;
    const [first] = await broker.sendMessages("short", [text("x", { once })]);
    table.pass(once.windowMs - 1_000);
    expect(await broker.sendMessages("short", [text("x", { once })])).toEqual([{ ...first, duplicate: true }]);
    table.pass(1_000);
    const [second] = await broker.sendMessages("short", [text("x", { once })]);
    expect(second).toMatchObject({ offset: 1, duplicate: false });
  });

  it("says so when what it stored has expired", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await broker.putTopic("short", { queues: 1, retentionHours: 1 });
    const { uid } = await broker.getTopic("short");
    const once = { kind: "sequence", producerId: "p", sequence: 3 } as const;
    await broker.sendMessages("short", [text("x", { once })]);
    table.pass(60 * MINUTE_MS);
    expect(await broker.sendMessages("short", [text("x", { once })])).toMatchObject([{ duplicate: true }]);
    table.pass(1);
    expect(await broker.sendMessages("short", [text("x", { once })])).toMatchObject([{ code: "MESSAGE_EXPIRED" }]);
    table.pass(47 * 60 * MINUTE_MS);
    await table.items.delete(blockKey(uid, 0, 0));
    expect(await broker.sendMessages("short", [text("x", { once })])).toMatchObject([{ code: "MESSAGE_EXPIRED" }]);
  });
});

describe("a priority beyond the last queue", () => {
  it("goes to the last queue, whoever sends it, and stays what it was", async () => {
    const table = brokerOverTable();
    const broker = await table.process();
    await broker.putTopic("alerts", { type: "MIXED", queues: 3 });
    const body = Buffer.from("x");
    await broker.sendMessages("alerts", [{ body, priority: 7 }]);
    await broker.sendMessages("alerts", [{ body, priority: 700, delayMs: 1_000 }]);
    const { transactionId } = await broker.sendHalfMessage(
      "alerts",
      { body, priority: 8 },
      { producerGroup: "p", checkAfterMs: 60_000 },
    );
    await broker.endTransaction(transactionId, "commit");
    await broker.scan({ untilMs: table.pass(1_000) + 500 });
    const pulled = await broker.pullMessages("alerts", 2, { from: { offset: 0 }, limit: 10, maxBytes: 1_000, waitMs: 0 });
    expect(pulled).toMatchObject({ messages: [{ priority: 7 }, { priority: 8 }, { priority: 700 }] });
    for (const priority of [-1, 0.5, 2 ** 31])
      expect(await broker.sendMessages("alerts", [{ body, priority }])).toMatchObject([{ code: "BAD_REQUEST" }]);
  });
});
