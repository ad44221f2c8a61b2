import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { anchorKey, FORMAT_KEY, progressKey } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { metaOf } from "../../../core/progress/progress.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const KIB = 1_024;
const MIB = 1_024 * KIB;

/** Text of so many bytes that packs well, and says its number. */
function text(bytes: number, number: number): Uint8Array {
  const row = `{"number":${number},"status":"CONFIRMED","warehouse":"FRANKFURT-WEST-2","notes":"deliver between 9 and 17 o'clock"},`;
  return Buffer.from(row.repeat(Math.ceil(bytes / row.length)).slice(0, bytes));
}

const numberOf = ({ body }: { readonly body: Uint8Array }): number =>
  Number(/^\{"number":(\d+)/.exec(Buffer.from(body.subarray(0, 40)).toString())?.[1]);

/** Handlers that share a store, of a format; one queue, one group, whose messages die at once where `maxAttempts` is 1. */
async function setUp({ format, maxAttempts = 17 }: { readonly format?: number; readonly maxAttempts?: number } = {}) {
  const table = brokerOverTable(SHARED_STORE);
  if (format !== undefined) await table.items.put({ ...FORMAT_KEY, v: format });
  const broker = await table.process();
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", { maxAttempts });
  const { subscription } = await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  return { ...table, broker, subscription };
}

async function sendEach(broker: RunningBroker, count: number, bytes: number): Promise<void> {
  for (let number = 0; number < count; number++) await broker.sendMessages("orders", [{ body: text(bytes, number) }]);
}

const bytesOf = (messages: readonly { readonly body: Uint8Array }[]): number =>
  messages.reduce((sum, { body }) => sum + body.length, 0);

async function deadLetters(broker: RunningBroker): Promise<number[]> {
  const numbers: number[] = [];
  let after: string | undefined;
  do {
    const page = await broker.listDeadLetters("billing", { limit: 100, maxBytes: 4 * MIB, after });
    expect(bytesOf(page.items)).toBeLessThanOrEqual(4 * MIB);
    numbers.push(...page.items.map(numberOf));
    after = page.next;
  } while (after !== undefined);
  return numbers;
}

async function receiveAll(broker: RunningBroker, settle: "ack" | "deadLetter"): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const messages = await broker.receiveMessages("billing", { max: 32, waitMs: 0 });
    if (messages.length === 0) return numbers;
    expect(bytesOf(messages)).toBeLessThanOrEqual(4 * MIB);
    numbers.push(...messages.map(numberOf));
    await broker.settleMessages(
      "billing",
      messages.map(({ receiptHandle }) => ({ action: settle, receiptHandle })),
    );
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe.each([2, 3])("messages that pack well, in a store of format %i", (format) => {
  it("are pulled and received by what they are, not by what they pack to", async () => {
    const { broker, items, process } = await setUp({ format });
    await sendEach(broker, 12, MIB);
    const other = await process();
    const pulled: number[] = [];
    for (let offset = 0; offset < 12; ) {
      const page = await other.pullMessages("orders", 0, { from: { offset }, limit: 32, maxBytes: 4 * MIB, waitMs: 0 });
      if (page.status !== "FOUND") break;
      expect(bytesOf(page.messages)).toBeLessThanOrEqual(4 * MIB);
      pulled.push(...page.messages.map(numberOf));
      offset = page.nextOffset;
    }
    expect(pulled).toEqual(upTo(12));

    let updates = 0;
    const counting: ItemStore = Object.create(items);
    for (const call of ["get", "batchGet", "put", "query", "delete", "transact"] as const)
      Object.assign(counting, { [call]: items[call].bind(items) });
    counting.update = (...call) => {
      updates++;
      return items.update(...call);
    };
    const consumer = await process(counting);
    expect((await consumer.receiveMessages("billing", { max: 32, waitMs: 0 })).map(numberOf)).toEqual(upTo(4));
    expect(updates).toBe(1);
  });

  it("are all there after a redrive", async () => {
    const { broker, process } = await setUp({ format });
    await sendEach(broker, 20, 700 * KIB);
    expect(await receiveAll(broker, "deadLetter")).toEqual(upTo(20));
    const other = await process();
    expect(await deadLetters(other)).toEqual(upTo(20));
    let job = await other.redriveDeadLetters("billing", {});
    while (job.state === "RUNNING") job = await other.resumeRedrive("billing", job.jobId);
    expect(job).toMatchObject({ state: "DONE", moved: 20 });
    expect(await deadLetters(other)).toEqual([]);
    expect(await receiveAll(await process(), "ack")).toEqual(upTo(20));
  });
});

it("cuts a pull where one message of a batch is much larger than the others", async () => {
  const { broker, process } = await setUp();
  const sizes = [300 * KIB, 10, 2 * MIB, 10, 10];
  await broker.sendMessages(
    "orders",
    sizes.map((bytes, number) => ({ body: text(bytes, number) })),
  );
  // One process has unpacked the batch before, the other has not.
  for (const reader of [broker, await process()]) {
    for (let round = 0; round < 2; round++) {
      const page = await reader.pullMessages("orders", 0, { from: { offset: 0 }, limit: 32, maxBytes: MIB, waitMs: 0 });
      expect(page).toMatchObject({ status: "FOUND", nextOffset: 2, messages: [{ offset: 0 }, { offset: 1 }] });
    }
  }
});

it("does not read for a pull what there is no room for, nor what lies behind it", async () => {
  const { broker, objects, process } = await setUp();
  for (const bytes of [10, 200 * KIB, 10]) await broker.sendMessages("orders", [{ body: new SeededRandom(bytes).bytes(bytes) }]);
  objects.getRange = () => Promise.reject(new Error("there is no room for what lies in objects"));
  const range = { from: { offset: 0 }, limit: 32, maxBytes: 100 * KIB, waitMs: 0 };
  const pulled = await (await process()).pullMessages("orders", 0, range);
  expect(pulled).toMatchObject({ status: "FOUND", nextOffset: 1, messages: [{ offset: 0 }] });
});

describe("a claim whose messages make more than one frame", () => {
  const claimed = 14;

  async function withLargeClaim() {
    const table = await setUp({ maxAttempts: 1 });
    const { items, broker, subscription } = table;
    await sendEach(broker, claimed, 700 * KIB);
    // As a version took it that did not weigh what it took.
    await items.update(progressKey(subscription.uid, 0), [
      { op: "set", name: "n", value: claimed },
      { op: "set", name: "fAAAA", value: 0 },
      { op: "set", name: "mAAAA", value: metaOf({ nonce: "nonce1", attempt: 1, dueMs: 1 }) },
      { op: "set", name: "oAAAA", value: new Set(upTo(claimed)) },
    ]);
    return table;
  }

  it("is dead-lettered whole", async () => {
    const { process } = await withLargeClaim();
    const consumer = await process();
    expect(await receiveAll(consumer, "ack")).toEqual([]);
    expect(await deadLetters(await process())).toEqual(upTo(claimed));
  });

  it.each(FAULTS)("has each of its messages die once, whatever becomes of a write: %s", async (fault) => {
    for (let write = 0; ; write++) {
      const { items, process, pass } = await withLargeClaim();
      const { store, reached, applyLate } = faulty(items, write, fault);
      await (await process(store)).receiveMessages("billing", { max: 32, waitMs: 0 }).catch(() => undefined);
      const successor = await process();
      await receiveAll(successor, "ack");
      await applyLate();
      pass(10_000);
      await receiveAll(successor, "ack");
      expect(await deadLetters(await process()), `write ${write}`).toEqual(upTo(claimed));
      if (!reached()) break;
    }
  });
});

it("gives up a send in time where the queue's anchor went with its topic", async () => {
  const { broker, items, clock, process } = await setUp();
  await broker.sendMessages("orders", [{ body: text(10, 0) }]);
  await items.delete(anchorKey((await broker.getTopic("orders")).uid, 0));
  const startMs = clock.nowMs();
  const [result] = await (await process()).sendMessages("orders", [{ body: text(10, 1) }]);
  expect(result).toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(clock.nowMs() - startMs).toBeLessThan(15_000);
});
