import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { anchorKey, deadLetterTombstonesPk, subscribersPk, topicHashKey, topicKey } from "../../../core/keys.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import { topicHashOf } from "../../../core/message/message-id.ts";
import type { Item, ItemStore } from "../../../core/ports/item-store.ts";
import { topicOf } from "../../../core/topic/topic-codec.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const HOUR_MS = 3_600_000;

/** One table, over which processes come and go; whoever sleeps moves the clock. */
function setUp() {
  const items = new MemoryItemStore();
  const objects = new MemoryObjectStore();
  let nowMs = 1_800_000_000_000;
  let processes = 0;
  const clock = {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
    },
  };
  const process = (store: ItemStore = items): Promise<RunningBroker> =>
    testBroker({
      items: store,
      objects,
      clock,
      random: new SeededRandom(++processes),
    });
  const tick = (broker: RunningBroker) => broker.maintain({ untilMs: nowMs + 60_000 });
  const pass = (ms: number): number => {
    nowMs += ms;
    return nowMs;
  };
  return { items, process, tick, pass };
}

async function die(broker: RunningBroker, texts: readonly string[]): Promise<void> {
  await broker.putTopic("orders", { queues: 1 });
  await broker.putTopic("returns", { queues: 1 });
  await broker.putGroup("billing", {});
  for (const topic of ["orders", "returns"]) await broker.putSubscription("billing", topic, { startFrom: "earliest" });
  for (const [index, text] of texts.entries()) {
    await send(broker, index % 2 === 0 ? "orders" : "returns", text);
    await bury(broker);
  }
}

const send = (broker: RunningBroker, topic: string, text: string) => broker.sendMessages(topic, [{ body: Buffer.from(text) }]);

async function bury(broker: RunningBroker): Promise<void> {
  const [message] = await broker.receiveMessages("billing", { max: 1, waitMs: 0 });
  await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: message?.receiptHandle ?? "", reason: "no" }]);
}

const listed = async (broker: RunningBroker): Promise<string[]> => {
  const { items } = await broker.listDeadLetters("billing", { limit: 100, maxBytes: 1e6 });
  return items.map(({ body }) => Buffer.from(body).toString());
};

async function received(broker: RunningBroker): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const messages = await broker.receiveMessages("billing", { max: 32, waitMs: 0 });
    if (messages.length === 0) return texts.sort();
    texts.push(...messages.map(({ body }) => Buffer.from(body).toString()));
  }
}

const TEXTS = ["a", "b", "c", "d", "e"];

describe("a redrive", () => {
  it.each(FAULTS)("neither loses nor doubles a message, whichever write meets: %s", async (fault) => {
    let met = 0;
    for (let write = 0; ; write++) {
      const { items, process, tick } = setUp();
      await die(await process(), TEXTS);
      const { store, reached, applyLate } = faulty(items, write, fault);
      await (await process(store)).redriveDeadLetters("billing", {}).catch(() => undefined);
      const successor = await process();
      await tick(successor);
      await successor.redriveDeadLetters("billing", {});
      await applyLate();
      await tick(await process());
      const reader = await process();
      expect(await listed(reader), `write ${write}`).toEqual([]);
      expect(await received(reader), `write ${write}`).toEqual(TEXTS);
      if (!reached()) break;
      met++;
    }
    // The job, two retry topics, five messages of alternating topics, the end.
    expect(met).toBeGreaterThanOrEqual(9);
  });

  it("takes what concurrent deletions leave it, and nothing twice", async () => {
    for (let turn = 0; turn < 20; turn++) {
      const { process } = setUp();
      const one = await process();
      const two = await process();
      await die(one, TEXTS);
      const { items } = await one.listDeadLetters("billing", { limit: 100, maxBytes: 1e6 });
      const yields = async () => {
        for (let index = 0; index < turn; index++) await Promise.resolve();
      };
      const deletions = items.slice(2).map(async ({ id, body }) => {
        await yields();
        return one.deleteDeadLetter("billing", id, { dryRun: false }).then(
          () => Buffer.from(body).toString(),
          () => undefined,
        );
      });
      const [deleted] = await Promise.all([
        Promise.all(deletions),
        one.redriveDeadLetters("billing", {}),
        two.redriveDeadLetters("billing", {}),
      ]);
      const gone = deleted.filter((text) => text !== undefined);
      expect([...gone, ...(await received(await process()))].sort(), `turn ${turn}`).toEqual(TEXTS);
    }
  });

  it("leaves to a purge all that it has not moved yet", async () => {
    const { process, tick } = setUp();
    const broker = await process();
    await die(broker, TEXTS);
    const job = await broker.redriveDeadLetters("billing", { ratePerSecond: 1 });
    expect(job).toMatchObject({ state: "RUNNING" });
    expect(await broker.purgeDeadLetters("billing")).toBe(TEXTS.length - job.moved);
    await tick(broker);
    expect(await broker.resumeRedrive("billing", job.jobId)).toMatchObject({ state: "DONE", moved: job.moved });
    expect(await received(broker)).toHaveLength(job.moved);
  });
});

describe("a purge", () => {
  /** Makes `purge` go ahead of the first such write to what says that dead letters are gone. */
  const goesAhead = (items: MemoryItemStore, name: "put" | "transact", purge: () => Promise<unknown>): void => {
    const write = items[name].bind(items) as (...call: unknown[]) => Promise<unknown>;
    let under = false;
    const first = async (...call: readonly unknown[]): Promise<unknown> => {
      if (under || !JSON.stringify(call).includes('"d#')) return write(...call);
      under = true;
      await purge();
      return write(...call);
    };
    Object.assign(items, { [name]: first });
  };

  it("takes what a redrive was about to move", async () => {
    const { items, process } = setUp();
    const one = await process();
    await die(one, TEXTS);
    const other = await process();
    goesAhead(items, "transact", async () => expect(await other.purgeDeadLetters("billing")).toBe(TEXTS.length));
    expect(await one.redriveDeadLetters("billing", {})).toMatchObject({ state: "DONE", moved: 0 });
    expect(await received(one)).toEqual([]);
  });

  it("that ends late brings nothing back that a later one took", async () => {
    const { items, process } = setUp();
    const one = await process();
    await die(one, TEXTS);
    const other = await process();
    goesAhead(items, "put", async () => {
      await send(other, "orders", "late");
      await bury(other);
      expect(await other.purgeDeadLetters("billing")).toBe(TEXTS.length + 1);
    });
    expect(await one.purgeDeadLetters("billing")).toBe(0);
    expect(await listed(other)).toEqual([]);
  });
});

describe("a dead letter", () => {
  it("is gone when its retention ends, deleted or not, though its block lives on for a younger one", async () => {
    const { items, process, pass } = setUp();
    const broker = await process();
    await die(broker, ["old", "deleted"]);
    const { items: letters } = await broker.listDeadLetters("billing", { limit: 100, maxBytes: 1e6 });
    await broker.deleteDeadLetter("billing", letters[1]?.id ?? "", { dryRun: false });
    const deadLetters = topicOf((await items.get(topicKey("%DLQ%billing"))) as Item);
    const tombstones = deadLetterTombstonesPk(deadLetters.uid);
    const [tombstone] = (await items.query({ pk: tombstones, limit: 10 })).items;
    // Shortly before the block expires: what comes now makes it live longer.
    pass((deadLetters.retentionHours + 23.5) * HOUR_MS);
    await send(broker, "orders", "young");
    await bury(broker);
    pass(3 * HOUR_MS);
    expect((tombstone?.x as number) * 1_000).toBeLessThan(pass(0));
    // As the table does in its time.
    await items.delete(tombstone as Item);
    expect(await listed(await process())).toEqual(["young"]);
    expect(await broker.redriveDeadLetters("billing", {})).toMatchObject({ moved: 1 });
  });
});

describe("the topics a redrive made", () => {
  it("go with the group, even where its deletion stops half-way", async () => {
    for (let write = 0; ; write++) {
      const { items, process, tick, pass } = setUp();
      const broker = await process();
      await die(broker, TEXTS);
      await broker.redriveDeadLetters("billing", {});
      const made = await Promise.all(["orders", "returns"].map((topic) => items.get(topicKey(`%RETRY%billing%${topic}`))));
      for (const { uid } of made.map((topic) => topicOf(topic as Item)))
        expect(await items.get(topicHashKey(topicHashOf(uid), uid))).toBeDefined();
      const { store, reached } = faulty(items, write, "crashAfter");
      const victim = await process(store);
      await victim.deleteGroup("billing", { dryRun: false }).catch(() => undefined);
      for (let round = 0; round < 2; round++) {
        pass(FLIGHT_MS_MAX + 1);
        expect(await tick(broker)).toMatchObject({ complete: true });
      }
      for (const topic of made) {
        expect(topic, "was made").toBeDefined();
        const { name, uid } = topicOf(topic as Item);
        expect(await items.get(topicKey(name)), `write ${write}`).toBeUndefined();
        expect(await items.get(topicHashKey(topicHashOf(uid), uid)), `write ${write}`).toBeUndefined();
        expect(await items.get(anchorKey(uid, 0)), `write ${write}`).toBeUndefined();
        expect((await items.query({ pk: subscribersPk(uid), limit: 1 })).items, `write ${write}`).toEqual([]);
      }
      if (!reached()) return;
    }
  });

  it("are found by the hash of their ids only until another group of the name makes its own", async () => {
    const { items, process } = setUp();
    const broker = await process();
    const made = async () => topicOf((await items.get(topicKey("%RETRY%billing%orders"))) as Item).uid;
    const hashed = (uid: string) => items.get(topicHashKey(topicHashOf(uid), uid));
    await die(broker, TEXTS);
    await broker.redriveDeadLetters("billing", {});
    const before = await made();
    const { store } = faulty(items, 0, "crashAfter");
    await (await process(store)).deleteGroup("billing", { dryRun: false }).catch(() => undefined);
    expect(await hashed(before)).toBeDefined();
    const successor = await process();
    await die(successor, TEXTS);
    await successor.redriveDeadLetters("billing", {});
    const after = await made();
    expect(after).not.toBe(before);
    expect(await hashed(before)).toBeUndefined();
    expect(await hashed(after)).toBeDefined();
  });
});
