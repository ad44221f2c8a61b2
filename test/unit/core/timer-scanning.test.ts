import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { hash32 } from "../../../core/bytes/hash32.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { recallKey, timersPk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { jumpHash } from "../../../core/produce/fixed-queue.ts";
import type { MessageInput, StoredMessage } from "../../../core/terms.ts";
import { shardOf } from "../../../core/timer/timer.ts";
import { RING_QUIET_MS, SCAN_TICK_MS, TIMER_SHARDS, TIMERS_PER_PAGE } from "../../../core/timer/timer-limits.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { besideScanner } from "../../support/broker/held-shards.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;
const RUN_MS = 65_000;

async function schedule(broker: RunningBroker, ...delaysMs: readonly number[]): Promise<readonly string[]> {
  const body = Buffer.from("later");
  const receipts = await broker.sendMessages(
    "orders",
    delaysMs.map((delayMs) => ({ body, delayMs })),
  );
  return receipts.map((receipt) => {
    if (!("recallHandle" in receipt)) throw receipt;
    return receipt.recallHandle;
  });
}

describe("who is woken for a timer", () => {
  it("is rung once for many that are written together", async () => {
    const table = brokerOverTable(SHARED_STORE);
    let rings = 0;
    const broker = await table.process(table.items, { ring: async () => void rings++ });
    await broker.putTopic("orders", { type: "DELAY" });
    await schedule(broker, ...new Array<number>(50).fill(20_000));
    expect(rings).toBe(1);
  });

  it("stays for what is written while nobody rings again", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    const startedMs = table.clock.nowMs();
    expect(await broker.scan({ untilMs: startedMs + RUN_MS, rung: true })).toEqual({ fired: 0, parked: 0, held: false });
    expect(table.clock.nowMs() - startedMs).toBeGreaterThanOrEqual(RING_QUIET_MS);
    const tickedMs = table.clock.nowMs();
    await broker.scan({ untilMs: tickedMs + RUN_MS });
    expect(table.clock.nowMs()).toBe(tickedMs);
  });

  it("relieves a scanner that ends sooner, and leaves one that does not", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const setUp = await table.process();
    await setUp.putTopic("orders", { type: "DELAY" });
    await schedule(setUp, SCAN_TICK_MS / 2);
    const untilMs = table.clock.nowMs() + RUN_MS;
    const beside = (endsMs: number): Promise<RunningBroker> =>
      table.process(besideScanner(table.items, () => table.clock.nowMs(), endsMs));
    expect(await (await beside(untilMs)).scan({ untilMs })).toEqual({ fired: 0, parked: 0, held: true });
    expect(await (await beside(untilMs - SCAN_TICK_MS / 2)).scan({ untilMs })).toEqual({ fired: 1, parked: 0, held: false });
  });
});

describe("the handle of a message that was moved far away", () => {
  it("is good until an hour after the time it was moved to, whatever the table has deleted", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await broker.putTopic("orders", { type: "DELAY" });
    const [handle = ""] = await schedule(broker, 1_000);
    await broker.rescheduleMessage("orders", handle, table.clock.nowMs() + 3 * HOUR_MS);
    table.pass(2 * HOUR_MS);
    for (let shard = 0; shard < TIMER_SHARDS; shard++) {
      const { items } = await table.items.query({ pk: timersPk(shard), limit: 10 });
      for (const item of items) if ((item.x as number) * 1_000 <= table.clock.nowMs()) await table.items.delete(item);
    }
    await broker.cancelMessage("orders", handle);
    expect((await broker.listScheduled("orders", { limit: 10 })).items).toEqual([]);
  });
});

describe("the first handle of a message that was moved to an earlier time and cancelled", () => {
  it.each([
    ["once", [1]],
    ["twice, first to a later time", [20, 1]],
  ])("never says that it was delivered: moved %s", async (_, hours) => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await broker.putTopic("orders", { type: "DELAY" });
    const startMs = table.clock.nowMs();
    const [first = ""] = await schedule(broker, 10 * HOUR_MS);
    const [scheduled] = (await broker.listScheduled("orders", { limit: 1 })).items;
    const known = recallKey(scheduled?.messageId ?? "");
    const handles = [first];
    for (const at of hours) {
      const moved = await broker.rescheduleMessage("orders", first, startMs + at * HOUR_MS);
      handles.push(moved.recallHandle);
    }
    await broker.cancelMessage("orders", first);
    for (let hour = 1; hour <= 22; hour++) {
      await broker.scan({ untilMs: table.pass(HOUR_MS) + 500 });
      // What the table does with items that have expired, as soon as it may.
      const item = await table.items.get(known);
      if (item && (item.x as number) * 1_000 <= table.clock.nowMs()) await table.items.delete(known);
      for (const handle of handles) {
        const answer = await broker.cancelMessage("orders", handle).catch((error: Error) => error.message);
        expect(typeof answer === "string" ? answer : "cancelled").toMatch(/cancelled/);
      }
    }
  });
});

describe("the first handle of a message that was moved again and again", () => {
  it("is good until an hour after the latest time it ever had, whatever the table has deleted", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    await broker.putTopic("orders", { type: "DELAY" });
    const [handle = ""] = await schedule(broker, 10 * HOUR_MS);
    const id = (await broker.listScheduled("orders", { limit: 1 })).items[0]?.messageId ?? "";
    for (const hours of [1, 2]) await broker.rescheduleMessage("orders", handle, table.clock.nowMs() + hours * HOUR_MS);
    await broker.cancelMessage("orders", handle);
    await broker.scan({ untilMs: table.pass(4 * HOUR_MS) + RUN_MS });
    const recall = await table.items.get(recallKey(id));
    if ((recall?.x as number) * 1_000 <= table.clock.nowMs()) await table.items.delete(recallKey(id));
    await broker.cancelMessage("orders", handle);
  });
});

describe("a timer that is written after it was due, while much else waits in its shard", () => {
  const group =
    [...Array(100).keys()].map((at) => `late${at}`).find((name) => shardOf(hash32(name)) === shardOf(hash32("g"))) ?? "";

  /** What `sends` makes is delivered in this order; the first message of its first send is written so late. */
  async function delivered(lateMs: number, delaysMs: readonly number[]): Promise<readonly string[]> {
    const table = brokerOverTable(SHARED_STORE);
    const broker = await table.process();
    for (const name of ["stuck", "orders"]) await broker.putTopic(name, { type: "MIXED", queues: 1 });
    const { uid } = await broker.getTopic("stuck");
    const dueMs = table.clock.nowMs() + 5_000;
    const backlog = Array.from({ length: 100 }, () => ({ body: Buffer.from("x"), messageGroup: "g", deliverAtMs: dueMs }));
    for (let times = 0; times < 9; times++) await broker.sendMessages("stuck", backlog);
    let late: (() => Promise<unknown>) | undefined;
    const slow: ItemStore = { ...besideScanner(table.items, () => table.clock.nowMs()) };
    slow.put = async (item, options) => {
      if (!item.pk.startsWith("t#")) return table.items.put(item, options);
      late = () => table.items.put(item, options);
      throw new StoreUnavailable("unknown", "unavailable", "no reply");
    };
    const sender = await table.process(slow);
    const messages = delaysMs.map((delayMs) => ({
      body: Buffer.from(String(delayMs)),
      messageGroup: group,
      deliverAtMs: dueMs + delayMs,
    }));
    await sender.sendMessages("orders", messages.slice(0, 1));
    await broker.sendMessages("orders", messages.slice(1));
    const stuck: ItemStore = { ...besideScanner(table.items, () => 0) };
    stuck.get = (key) => table.items.get(key);
    stuck.transact = async (writes) => {
      const toStuck = writes.some((write) => (write.kind === "put" ? write.item.pk : write.key.pk).startsWith(`q#${uid}#`));
      if (toStuck) throw new StoreUnavailable("not-applied", "throttled", "too hot");
      return table.items.transact(writes);
    };
    const scanner = await table.process(stuck);
    const scanned = scanner.scan({ untilMs: dueMs + 120_000 });
    await table.clock.sleep(dueMs + lateMs - table.clock.nowMs());
    await late?.();
    await scanned;
    const page = await broker.pullMessages("orders", 0, { from: { offset: 0 }, limit: 8, maxBytes: 1e6, waitMs: 0 });
    if (page.status !== "FOUND") return [];
    return page.messages.map(({ body }) => Buffer.from(body).toString());
  }

  it("is found within a minute or so, however late that is", async () => {
    expect(await delivered(30_000, [0])).toEqual(["0"]);
  });

  it("goes before a later one of its message group that is not due yet", async () => {
    for (const lateMs of [10_400, 10_900, 11_400, 11_900])
      expect(await delivered(lateMs, [10_000, 12_000])).toEqual(["10000", "12000"]);
  });
});

describe("timers of a topic that was made anew", () => {
  it("fire in order where the scanner learns of it on the way", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const [scanner, others] = [await table.process(), await table.process()];
    await scanner.putTopic("orders", { type: "DELAY", queues: 1 });
    await schedule(scanner, 1_000);
    await others.deleteTopic("orders", { dryRun: false });
    await others.putTopic("orders", { type: "MIXED", queues: 1 });
    const count = TIMERS_PER_PAGE + 50;
    const messages = Array.from({ length: count }, (_, at) => ({
      body: Buffer.from(String(at)),
      messageGroup: "a",
      deliverAtMs: table.clock.nowMs() + 1 + at,
    }));
    for (let from = 0; from < count; from += 100) await others.sendMessages("orders", messages.slice(from, from + 100));
    table.pass(count + 1);
    await scanner.scan({ untilMs: table.clock.nowMs() + RUN_MS });
    const texts: string[] = [];
    for (let offset = 0; offset < count; offset = texts.length) {
      const page = await others.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 100_000, waitMs: 0 });
      if (page.status !== "FOUND") break;
      texts.push(...page.messages.map(({ body }) => Buffer.from(body).toString()));
    }
    expect(texts).toEqual(messages.map(({ body }) => body.toString()));
  });
});

/** How many messages of each, and how far apart they are. */
const GROUPS = [
  ["a few message groups", [2_000, 900, 900, 300], 1],
  ["1,500 message groups", new Array<number>(1_500).fill(6), 2_000],
] as const;

describe.each(GROUPS)("%s with more due than fits in memory", (_, sizes: readonly number[], apartMs) => {
  /** Of one shard, so that one reader has them all. */
  const shared = (): readonly string[] => {
    const names = Array.from({ length: 50 * sizes.length }, (_, at) => `g${at}`);
    return names.filter((name) => shardOf(hash32(name)) === 0).slice(0, sizes.length);
  };

  /** All that was delivered, in the order of store times, and then of offsets. */
  async function messagesOf(broker: RunningBroker): Promise<readonly StoredMessage[]> {
    const all: StoredMessage[] = [];
    for (const { queueId, maxOffset } of await broker.topicQueues("orders"))
      for (let offset = 0; offset < maxOffset; ) {
        const page = await broker.pullMessages("orders", queueId, { from: { offset }, limit: 32, maxBytes: 1e6, waitMs: 0 });
        if (page.status !== "FOUND") break;
        all.push(...page.messages);
        offset = page.nextOffset;
      }
    return all.sort((one, other) => one.storedAtMs - other.storedAtMs || one.offset - other.offset);
  }

  /** Numbers of the messages of each message group. */
  async function delivered(broker: RunningBroker): Promise<ReadonlyMap<string, readonly number[]>> {
    const groups = new Map<string, number[]>();
    for (const { messageGroup = "", body } of await messagesOf(broker))
      groups.set(messageGroup, [...(groups.get(messageGroup) ?? []), Number(Buffer.from(body).toString())]);
    return groups;
  }

  async function scheduleAll(broker: RunningBroker, dueMs: number): Promise<ReadonlyMap<string, readonly number[]>> {
    const groups = shared();
    const wanted = new Map<string, number[]>();
    const messages: MessageInput[] = [];
    // The first group has a head start, so that cursors of the streams are apart.
    for (const [at, messageGroup] of groups.entries())
      for (let number = 0; number < (sizes[at] ?? 0); number++) {
        wanted.set(messageGroup, [...(wanted.get(messageGroup) ?? []), number]);
        messages.push({
          body: Buffer.from(String(number)),
          messageGroup,
          deliverAtMs: dueMs + number * apartMs + (at % 4) * 400,
        });
      }
    for (let from = 0; from < messages.length; from += 100)
      for (const receipt of await broker.sendMessages("orders", messages.slice(from, from + 100)))
        if (!("recallHandle" in receipt)) throw receipt;
    return wanted;
  }

  it("are delivered in order, each, though some of its transactions fail", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const setUp = await table.process();
    await setUp.putTopic("orders", { type: "MIXED", queues: 2 });
    const dueMs = table.clock.nowMs() + 10_000;
    const wanted = await scheduleAll(setUp, dueMs);
    const random = new SeededRandom(3);
    const shaky: ItemStore = {
      get: (key) => table.items.get(key),
      batchGet: (keys) => table.items.batchGet(keys),
      query: (query) => table.items.query(query),
      put: (item, options) => table.items.put(item, options),
      update: (key, changes, options) => table.items.update(key, changes, options),
      delete: (key, options) => table.items.delete(key, options),
      transact: async (writes) => {
        if (random.chance(0.2)) throw new StoreUnavailable("not-applied", "throttled", "too hot");
        return table.items.transact(writes);
      },
    };
    const scanner = await table.process(shaky);
    table.pass(15_000);
    await scanner.scan({ untilMs: table.clock.nowMs() + 65_000 });
    expect(await delivered(setUp)).toEqual(wanted);
  });

  it("go on in order in other queues when the topic's are changed meanwhile", async () => {
    const table = brokerOverTable(SHARED_STORE);
    const [scanner, operator] = [await table.process(), await table.process()];
    await operator.putTopic("orders", { type: "MIXED", queues: 1 });
    const wanted = await scheduleAll(operator, table.clock.nowMs() + 10_000);
    table.pass(15_000);
    const scanned = scanner.scan({ untilMs: table.clock.nowMs() + 65_000 });
    await table.clock.sleep(1_500);
    await operator.patchTopic("orders", { readQueues: 4, writeQueues: 4 });
    await scanned;
    expect(await delivered(operator)).toEqual(wanted);
    const used = new Map<string, Set<number>>();
    for (const { messageGroup = "", queueId } of await messagesOf(operator))
      used.set(messageGroup, (used.get(messageGroup) ?? new Set()).add(queueId));
    expect(new Set([...used.values()].flatMap((queues) => [...queues])).size).toBeGreaterThan(1);
    for (const [group, queues] of used) for (const queueId of queues) expect([0, jumpHash(hash32(group), 4)]).toContain(queueId);
  });
});
