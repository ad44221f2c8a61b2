import { beforeEach, describe, expect, it } from "vitest";
import type { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { Topic } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker-over-table.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const TEXTS = ["a", "b", "c", "d", "e", "f"];

let clock: ManualClock;
let table: ReturnType<typeof brokerOverTable>;
const start = (store = table.items) => table.process(store, undefined, { clock });

beforeEach(() => {
  clock = new ManualClock();
  table = brokerOverTable(SHARED_STORE);
});

async function die(broker: RunningBroker, group = "billing"): Promise<void> {
  await broker.putTopic(group, { queues: 1 });
  await broker.putGroup(group, { maxAttempts: 1 });
  await broker.putSubscription(group, group, { startFrom: "earliest" });
  for (const text of TEXTS) await broker.sendMessages(group, [{ body: Buffer.from(text) }]);
  const messages = await broker.receiveMessages(group, { max: 32, waitMs: 0 });
  const entries = messages.map(({ receiptHandle }) => ({ action: "deadLetter", receiptHandle, reason: "x" }) as const);
  await broker.settleMessages(group, entries);
}

/** Starts one that takes about six seconds, and answers it after the two that a request takes. */
async function startSlowly(broker: RunningBroker, group = "billing") {
  const starting = broker.redriveDeadLetters(group, { ratePerSecond: 1 });
  await pass(3);
  const job = await starting;
  expect(job).toMatchObject({ state: "RUNNING" });
  expect(job.moved).toBeLessThan(4);
  return job;
}

async function pass(seconds: number): Promise<void> {
  for (let tenth = 0; tenth < seconds * 10; tenth++) await clock.pass(100);
}

/** A process that lives on, until it is ended. */
function keep(broker: RunningBroker) {
  const stopping = new AbortController();
  let ended = false;
  const kept = broker.keepGoing(stopping.signal).then(() => {
    ended = true;
  });
  return {
    async end() {
      stopping.abort();
      await pass(0.2);
      expect(ended).toBe(true);
      await kept;
    },
  };
}

describe("a redrive that takes longer than its request", () => {
  it("is not moved on by who looks at it", async () => {
    const broker = await start();
    await die(broker);
    const job = await startSlowly(broker);
    for (let look = 0; look < 5; look++) {
      await pass(2);
      expect(await broker.redriveProgress("billing", job.jobId)).toEqual(job);
    }
  });

  it("goes on in a process that lives on, to its end, no faster than it may", async () => {
    const broker = await start();
    await die(broker);
    const kept = keep(broker);
    const job = await startSlowly(broker);
    await pass(1);
    const { moved } = await broker.redriveProgress("billing", job.jobId);
    expect(moved).toBeGreaterThan(job.moved);
    expect(moved).toBeLessThan(6);
    await pass(5);
    expect(await broker.redriveProgress("billing", job.jobId)).toMatchObject({ state: "DONE", moved: 6 });
    await kept.end();
    expect(await receivedTexts(broker, "billing")).toEqual(TEXTS);
  });

  it("is taken up again after a restart", async () => {
    const broker = await start();
    await die(broker);
    const kept = keep(broker);
    const job = await startSlowly(broker);
    await kept.end();
    const { moved } = await broker.redriveProgress("billing", job.jobId);
    await pass(10);
    expect(await broker.redriveProgress("billing", job.jobId)).toMatchObject({ state: "RUNNING", moved });
    const next = await start();
    const keptOn = keep(next);
    await pass(8);
    expect(await next.redriveProgress("billing", job.jobId)).toMatchObject({ state: "DONE", moved: 6 });
    await keptOn.end();
    expect(await receivedTexts(next, "billing")).toEqual(TEXTS);
  });

  it("is moved once, whoever goes on with it: processes, requests and maintenance", async () => {
    const brokers = [await start(), await start()];
    const [broker, other] = brokers as [RunningBroker, RunningBroker];
    await die(broker);
    const kept = brokers.map(keep);
    const job = await startSlowly(broker);
    const others = [other.resumeRedrive("billing", job.jobId), other.maintain({ untilMs: clock.nowMs() + 3_000 })];
    await pass(8);
    await Promise.all(others);
    expect(await broker.redriveProgress("billing", job.jobId)).toMatchObject({ state: "DONE", moved: 6 });
    for (const one of kept) await one.end();
    expect(await receivedTexts(broker, "billing")).toEqual(TEXTS);
  });

  it("is not held up by another that fails, which is tried again", async () => {
    let broken: Topic | undefined;
    const items: MemoryItemStore = Object.create(table.items);
    items.query = async (query) => {
      if (broken && query.pk === `d#${broken.uid}`) throw new StoreUnavailable("not-applied", "unavailable", "it is away");
      return table.items.query(query);
    };
    for (const call of ["get", "batchGet", "put", "update", "delete", "transact"] as const)
      Object.assign(items, { [call]: table.items[call].bind(table.items) });
    const broker = await start(items);
    await die(broker, "first");
    await die(broker, "second");
    const stuck = await startSlowly(broker, "first");
    const job = await startSlowly(broker, "second");
    broken = await broker.getTopic("%DLQ%first");
    const kept = keep(broker);
    await pass(20);
    expect(await broker.redriveProgress("second", job.jobId)).toMatchObject({ state: "DONE", moved: 6 });
    expect(await broker.redriveProgress("first", stuck.jobId)).toMatchObject({ state: "RUNNING" });
    expect(table.failures.length).toBeGreaterThan(0);
    // Some 20 tries, one after the other later.
    expect(table.failures.length).toBeLessThan(40);
    broken = undefined;
    await pass(70);
    expect(await broker.redriveProgress("first", stuck.jobId)).toMatchObject({ state: "DONE", moved: 6 });
    await kept.end();
  });
});
