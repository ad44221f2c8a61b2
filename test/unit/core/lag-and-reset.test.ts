import { beforeEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { movedOutPk, progressKey } from "../../../core/keys.ts";
import { WAITING_CLAIMS_KEPT, WAITING_CLAIMS_MAX } from "../../../core/limits.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { SettleEntry } from "../../../core/requests.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const HOUR_MS = 3_600_000;

let clock: ManualClock;
let items: MemoryItemStore;
let broker: RunningBroker;

beforeEach(async () => {
  clock = new ManualClock();
  items = new MemoryItemStore();
  broker = await testBroker({
    items,
    clock,
  });
  await broker.putTopic("orders", { queues: 1, retentionHours: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

const send = (count: number) => broker.sendMessages("orders", Array(count).fill({ body: Buffer.from("x") }));
const receive = (more: { waitMs?: number; max?: number; leaseMs?: number; attemptId?: string } = {}) =>
  broker.receiveMessages("billing", { max: 32, waitMs: 0, leaseMs: 60_000, ...more });
const lagOfQueue = async () => (await broker.groupLag("billing")).items[0]?.queues[0];
const reset = (to: "earliest" | "latest" | { offset: number }) =>
  broker.resetOffsets("billing", { topic: "orders", to, dryRun: false });
/**
 * Gives so many messages back for a while that claims leave the progress item, those due last first; the last message stays
 * under a lease. Each is sent a second after the one before.
 */
async function moveOut(dueFirst: "oldest" | "youngest" = "oldest"): Promise<number> {
  const count = WAITING_CLAIMS_MAX + 1;
  for (let index = 0; index <= count; index++) {
    if (index > 0) await clock.pass(1_000);
    await send(1);
  }
  for (let index = 0; index < count; index++) {
    const [message] = await receive({ max: 1 });
    const delayMs = HOUR_MS / 4 + (dueFirst === "oldest" ? index : count - index) * 1_000;
    await broker.settleMessages("billing", [{ action: "nack", receiptHandle: message?.receiptHandle ?? "", delayMs }]);
  }
  await receive({ max: 1 });
  return count + 1;
}

let movedOutQueue = "";
/** Claims outside the progress item, of whatever generation; those of a deleted subscription too. */
async function movedOutItems(): Promise<number> {
  const { subscriptions } = await broker.getGroup("billing");
  movedOutQueue = subscriptions[0] ? movedOutPk(subscriptions[0].uid, 0) : movedOutQueue;
  return (await items.query({ pk: movedOutQueue, limit: 100 })).items.length;
}

describe("lag", () => {
  it("leaves out what has expired, and is nothing after total expiry", async () => {
    await send(2);
    await clock.pass(HOUR_MS / 2);
    const storedAtMs = clock.nowMs();
    await send(1);
    await clock.pass(HOUR_MS / 2);
    expect(await lagOfQueue()).toMatchObject({ minOffset: 0, lag: 3, oldestUnackedAtMs: storedAtMs - HOUR_MS / 2 });
    await clock.pass(1);
    expect(await lagOfQueue()).toMatchObject({ committed: 0, minOffset: 2, maxOffset: 3, lag: 1, oldestUnackedAtMs: storedAtMs });
    await clock.pass(30 * HOUR_MS);
    const expired = await lagOfQueue();
    expect(expired).toMatchObject({ committed: 0, lag: 0, inFlight: 0, oldestUnackedAtMs: undefined });
    expect(expired?.minOffset).toBe(expired?.maxOffset);
    await send(1);
    expect(await lagOfQueue()).toMatchObject({ committed: 0, minOffset: expired?.maxOffset, lag: 1 });
  });

  it.each(["oldest", "youngest"] as const)(
    "is as old as the oldest message, when claims outside are due %s first",
    async (first) => {
      const startedMs = clock.nowMs();
      const sent = await moveOut(first);
      expect(await movedOutItems()).toBe(WAITING_CLAIMS_MAX + 1 - WAITING_CLAIMS_KEPT);
      await send(1);
      expect(await lagOfQueue()).toMatchObject({ lag: sent + 1, inFlight: sent, oldestUnackedAtMs: startedMs });
    },
  );
});

describe("a group that is resumed", () => {
  it.each([
    ["with resume", () => broker.resumeGroup("billing")],
    ["with a patch", () => broker.patchGroup("billing", { paused: false })],
    ["with a patch to the default", () => broker.patchGroup("billing", { paused: null })],
    ["with a put", () => broker.putGroup("billing", { paused: false })],
  ])("wakes who waits, %s", async (_, resume) => {
    await broker.pauseGroup("billing");
    await send(1);
    const poll = receive({ waitMs: 20_000 });
    await clock.pass(100);
    await resume();
    await clock.pass(0);
    expect(await Promise.race([poll, Promise.resolve("still waiting")])).toHaveLength(1);
    await clock.pass(20_000);
  });
});

describe("an offset reset", () => {
  it("wakes all who wait, as far as there is something for them", async () => {
    await send(2);
    for (const { receiptHandle } of await receive()) await broker.settleMessages("billing", [{ action: "ack", receiptHandle }]);
    const polls = [receive({ waitMs: 20_000, max: 1 }), receive({ waitMs: 20_000, max: 1 })];
    await clock.pass(100);
    await reset("earliest");
    await clock.pass(0);
    for (const poll of polls) expect(await Promise.race([poll, Promise.resolve("still waiting")])).toHaveLength(1);
    await clock.pass(20_000);
  });

  it("never brings back claims that were outside the item", async () => {
    const dropped = await moveOut();
    await reset("latest");
    expect(await lagOfQueue()).toMatchObject({ committed: dropped, lag: 0, inFlight: 0 });
    const sent = await moveOut();
    await clock.pass(HOUR_MS / 2);
    const offsets: number[] = [];
    for (let received = await receive({ leaseMs: HOUR_MS }); received.length > 0; received = await receive({ leaseMs: HOUR_MS }))
      offsets.push(...received.map(({ offset }) => offset));
    expect(offsets.sort((x, y) => x - y)).toEqual(Array.from({ length: sent }, (_, index) => dropped + index));
  });

  it("voids a handle although the same attempt receives the same messages again", async () => {
    await send(1);
    const [before] = await receive({ attemptId: "a" });
    await reset("earliest");
    const [after] = await receive({ attemptId: "a" });
    const settle = async (entry: SettleEntry) => (await broker.settleMessages("billing", [entry]))[0];
    const lost = { status: "error", error: { code: "LEASE_LOST" } };
    const old = { receiptHandle: before?.receiptHandle ?? "" };
    expect(await settle({ action: "ack", ...old })).toMatchObject(lost);
    expect(await settle({ action: "extend", ...old, leaseMs: 60_000 })).toMatchObject(lost);
    expect(await settle({ action: "nack", ...old })).toMatchObject(lost);
    expect(await settle({ action: "deadLetter", ...old })).toMatchObject(lost);
    const nack: SettleEntry = { action: "nack", receiptHandle: after?.receiptHandle ?? "", delayMs: 0 };
    expect(await settle(nack)).toMatchObject({ status: "nacked" });
    expect(await settle({ ...nack, ...old })).toMatchObject(lost);
  });

  it.each([
    ["plain", {}],
    ["with a filter", { filter: { type: "TAG", expression: "wanted" } }],
    ["in order", { type: "FIFO", messageGroup: "order-1" }],
  ] as const)("leaves good what is received just then: %s", async (_, setting) => {
    const { type, filter, messageGroup } = { type: undefined, filter: undefined, messageGroup: undefined, ...setting };
    await broker.putTopic("parcels", { queues: 1, ...(type && { type }) });
    await broker.putSubscription("billing", "parcels", { startFrom: "earliest", filter });
    await broker.sendMessages("parcels", [{ body: Buffer.from("x"), tag: "wanted", messageGroup }]);
    const update = items.update.bind(items);
    items.update = async (...call) => {
      items.update = update;
      await broker.resetOffsets("billing", { topic: "parcels", to: "earliest", dryRun: false });
      return update(...call);
    };
    const received = await receive();
    expect(received).toHaveLength(1);
    const acks = received.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const);
    expect(await broker.settleMessages("billing", acks)).toMatchObject([{ status: "acked" }]);
  });

  it("purges after total expiry, to the cap, and delivers what is sent then", async () => {
    await send(2);
    await clock.pass(30 * HOUR_MS);
    const [queue] = await reset("latest");
    expect(queue).toMatchObject({ before: 0 });
    expect(queue?.after).toBe((await lagOfQueue())?.maxOffset);
    await send(1);
    expect(await receive()).toHaveLength(1);
  });

  it("counts what died while it looked", async () => {
    await send(2);
    const [first] = await receive();
    const transact = items.transact.bind(items);
    items.transact = async (...call) => {
      items.transact = transact;
      const entry: SettleEntry = { action: "deadLetter", receiptHandle: first?.receiptHandle ?? "" };
      expect(await broker.settleMessages("billing", [entry])).toMatchObject([{ status: "deadLettered" }]);
      return transact(...call);
    };
    await reset("earliest");
    const { subscriptions } = await broker.getGroup("billing");
    expect(await items.get(progressKey(subscriptions[0]?.uid ?? "", 0))).toMatchObject({ n: 0, dl: 1 });
  });

  it("races with receives, and leaves no message under two leases", async () => {
    await send(20);
    const held = (await Promise.all([receive({ max: 5 }), reset("earliest"), receive({ max: 5 }), reset("earliest")])).flat();
    const rest = await receive();
    const results = await broker.settleMessages(
      "billing",
      [...held, ...rest].flatMap((one) =>
        "receiptHandle" in one ? [{ action: "ack" as const, receiptHandle: one.receiptHandle }] : [],
      ),
    );
    expect(results.filter(({ status }) => status === "acked").length).toBe(20);
    expect(await lagOfQueue()).toMatchObject({ lag: 0 });
  });
});

it("what a reset and a deletion leave outside the item goes with maintenance", async () => {
  await moveOut();
  const before = await movedOutItems();
  await reset("earliest");
  expect(await movedOutItems()).toBe(before);
  await broker.deleteSubscription("billing", "orders", { dryRun: false });
  await clock.pass(FLIGHT_MS_MAX + 1);
  await broker.maintain({ untilMs: clock.nowMs() + 60_000 });
  expect(before).toBeGreaterThan(0);
  expect(await movedOutItems()).toBe(0);
});
