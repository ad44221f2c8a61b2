import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const HOUR_MS = 3_600_000;

let clock: ManualClock;
let items: MemoryItemStore;
let objects: MemoryObjectStore;
let broker: RunningBroker;

const brokerOver = (store: ItemStore): Promise<RunningBroker> =>
  testBroker({
    items: store,
    objects,
    clock,
  });

beforeEach(async () => {
  clock = new ManualClock();
  items = new MemoryItemStore();
  objects = new MemoryObjectStore();
  broker = await brokerOver(items);
});

async function subscribed(settings: { queues?: number; retentionHours?: number } = {}): Promise<void> {
  await broker.putTopic("orders", { queues: 1, ...settings });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
}

const send = (...texts: string[]) =>
  broker.sendMessages(
    "orders",
    texts.map((text) => ({ body: Buffer.from(text) })),
  );
const receive = (more: { attemptId?: string; waitMs?: number; max?: number } = {}) =>
  broker.receiveMessages("billing", { max: 32, waitMs: 0, leaseMs: 60_000, ...more });
const ack = (...messages: readonly (ReceivedMessage | undefined)[]) =>
  broker.settleMessages(
    "billing",
    messages.map((message) => ({ action: "ack", receiptHandle: message?.receiptHandle ?? "" })),
  );
const texts = (messages: readonly { readonly body: Uint8Array }[]): string[] =>
  messages.map(({ body }) => Buffer.from(body).toString());

describe("handles of one delivery from two answers", () => {
  it("ack what they name, and nothing that stayed open", async () => {
    await subscribed();
    await send("0", "1", "2", "3", "4");
    const first = await receive({ attemptId: "a" });
    await ack(...first.slice(0, 3));
    const again = await receive({ attemptId: "a" });
    expect(texts(again)).toEqual(["3", "4"]);
    await ack(again[0], first[0]);
    await clock.pass(61_000);
    expect(texts(await receive())).toEqual(["4"]);
  });

  it("give back what they name, and nothing under a running lease", async () => {
    await subscribed();
    await send("0", "1", "2", "3", "4");
    const first = await receive({ attemptId: "a" });
    await ack(...first.slice(0, 3));
    const again = await receive({ attemptId: "a" });
    await broker.settleMessages(
      "billing",
      [again[0], first[0]].map((message) => ({ action: "nack", receiptHandle: message?.receiptHandle ?? "", delayMs: 0 })),
    );
    expect(texts(await receive())).toEqual(["3"]);
  });
});

describe("a long poll", () => {
  it("delivers nothing anew when its topic is deleted meanwhile", async () => {
    await subscribed();
    await send("0", "1");
    await ack(...(await receive()));
    const poll = receive({ waitMs: 5_000 }).then(texts, (error: { code: string }) => error.code);
    await clock.pass(1_000);
    await broker.deleteTopic("orders", { dryRun: false });
    await clock.pass(5_000);
    expect(["BAD_REQUEST", []]).toContainEqual(await poll);
  });

  it("hears of a message given back after a wait", async () => {
    await subscribed();
    await send("0");
    const [message] = await receive();
    const poll = receive({ waitMs: 20_000 });
    await clock.pass(100);
    await broker.settleMessages("billing", [{ action: "nack", receiptHandle: message?.receiptHandle ?? "", delayMs: 1_000 }]);
    await clock.pass(1_000);
    expect(texts(await poll)).toEqual(["0"]);
  });

  it("gives back what was taken for a consumer that went away", async () => {
    await subscribed();
    const gone = new AbortController();
    const poll = broker.receiveMessages("billing", { max: 32, waitMs: 5_000 }, gone.signal);
    await clock.pass(10);
    await send("0");
    gone.abort();
    expect(texts(await poll)).toEqual([]);
    const [message] = await receive();
    expect(message?.attempt).toBe(1);
  });
});

describe("expiry", () => {
  it("takes a batch whose object went by age for expired, though its block lives on", async () => {
    await subscribed({ retentionHours: 1 });
    await send("x".repeat(20_000));
    await broker.patchTopic("orders", { retentionHours: 24 * 30 });
    await clock.pass(2 * HOUR_MS);
    await send("after");
    await clock.pass(5 * 24 * HOUR_MS);
    for (const key of objects.keys("log/")) objects.lose(key);
    expect(texts(await receive())).toEqual(["after"]);
  });

  it("does not count as waiting, nor keep a topic from shrinking", async () => {
    await subscribed({ queues: 2, retentionHours: 1 });
    for (const text of ["0", "1", "2", "3"]) await send(text);
    await ack(...(await receive()));
    await broker.patchTopic("orders", { writeQueues: 1 });
    await clock.pass(30 * HOUR_MS);
    expect(await broker.deleteSubscription("billing", "orders", { dryRun: true })).toMatchObject({ waiting: 0, inFlight: 0 });
    expect(await broker.patchTopic("orders", { readQueues: 1 })).toMatchObject({ readQueues: 1 });
  });
});

describe("failures of the store", () => {
  it("in one queue do not keep back what another gave", async () => {
    await subscribed({ queues: 2 });
    await send("inline");
    await send("x".repeat(20_000));
    const away = {
      ...spread(objects),
      getRange: () => Promise.reject(new StoreUnavailable("not-applied", "unavailable", "away")),
    };
    objects = away as unknown as MemoryObjectStore;
    broker = await brokerOver(items);
    expect(texts(await receive())).toEqual(["inline"]);
  });

  it("leave a subscription made anew alone when an older removal ends late", async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    let held = false;
    const slow: ItemStore = {
      ...spread(items),
      transact: async (writes) => {
        const removes = writes[0]?.kind === "delete" && !held;
        if (removes) {
          held = true;
          await gate;
        }
        return items.transact(writes);
      },
    };
    await subscribed();
    broker = await brokerOver(slow);
    const late = broker.deleteSubscription("billing", "orders", { dryRun: false });
    await clock.pass(0);
    await broker.deleteSubscription("billing", "orders", { dryRun: false });
    await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
    await send("0");
    open();
    await late;
    await clock.pass(3_000);
    expect(texts(await receive())).toEqual(["0"]);
  });
});

/** A store's methods, bound, as an object of their own. */
function spread<T extends object>(store: T): { [K in keyof T]: T[K] } {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(store)).filter((name) => name !== "constructor");
  return Object.fromEntries(names.map((name) => [name, (store as Record<string, unknown>)[name] && bind(store, name)])) as T;
}

function bind(store: object, name: string): unknown {
  const method = (store as Record<string, unknown>)[name];
  return typeof method === "function" ? method.bind(store) : method;
}
