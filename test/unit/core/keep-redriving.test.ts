import { beforeEach, describe, expect, it } from "vitest";
import type { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { RUNNING_REDRIVES_PK } from "../../../core/keys.ts";
import type { BrokerEvent } from "../../../core/ports/events.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { Topic } from "../../../core/terms.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const TEXTS = ["a", "b", "c", "d", "e", "f"];

let clock: ManualClock;
let table: ReturnType<typeof brokerOverTable>;
const start = (store: ItemStore = table.items) => table.process(store, undefined, { clock });

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

/** A store of which some calls go another way. */
function passedThrough(items: MemoryItemStore, ways: Partial<ItemStore>): ItemStore {
  const store: ItemStore = Object.create(items);
  for (const call of ["get", "batchGet", "put", "query", "update", "delete", "transact"] as const)
    Object.assign(store, { [call]: ways[call] ?? items[call].bind(items) });
  return store;
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
    const items = passedThrough(table.items, {
      query: async (query) => {
        if (broken && query.pk === `d#${broken.uid}`) throw new StoreUnavailable("not-applied", "unavailable", "it is away");
        return table.items.query(query);
      },
    });
    const broker = await start(items);
    const jobs = new Map<string, string>();
    for (const group of ["one", "two"]) {
      await die(broker, group);
      jobs.set(group, (await startSlowly(broker, group)).jobId);
    }
    const state = async (group: string) => (await broker.redriveProgress(group, jobs.get(group) ?? "")).state;
    // The one whose turn comes first.
    const [running] = (await table.items.query({ pk: RUNNING_REDRIVES_PK, limit: 1 })).items;
    const stuck = running?.gn as string;
    const other = stuck === "one" ? "two" : "one";
    broken = await broker.getTopic(`%DLQ%${stuck}`);
    const kept = keep(broker);
    await pass(20);
    expect(await state(other)).toBe("DONE");
    expect(await state(stuck)).toBe("RUNNING");
    expect(table.failures.length).toBeGreaterThan(0);
    expect(table.failures.length).toBeLessThan(20);
    broken = undefined;
    await pass(70);
    expect(await state(stuck)).toBe("DONE");
    await kept.end();
  });

  it("stops between two messages when its process is told to", async () => {
    const broker = await start();
    await die(broker);
    const kept = keep(broker);
    const { jobId } = await startSlowly(broker);
    const { moved } = await broker.redriveProgress("billing", jobId);
    await kept.end();
    expect(await broker.redriveProgress("billing", jobId)).toMatchObject({ state: "RUNNING", moved });
  });

  it("stops between two steps when its process is told to, also one that waits for nothing", async () => {
    const stopping = new AbortController();
    let away = false;
    const items = passedThrough(table.items, {
      query: async (query) => {
        if (away && query.pk.startsWith("d#")) throw new StoreUnavailable("not-applied", "unavailable", "it is away");
        return table.items.query(query);
      },
      transact: async (writes) => {
        if (writes.some((write) => write.kind === "put" && write.item.pk.startsWith("d#"))) stopping.abort();
        return table.items.transact(writes);
      },
    });
    const broker = await start(items);
    await die(broker);
    away = true;
    const { jobId } = await broker.redriveDeadLetters("billing", {});
    away = false;
    await broker.keepGoing(stopping.signal);
    expect(await broker.redriveProgress("billing", jobId)).toMatchObject({ state: "RUNNING", moved: 6 });
  });

  it("is said to have ended once, by whichever of two ends it", async () => {
    const ended: string[] = [];
    const hearing = (name: string) => ({ events: { happened: ({ kind }: BrokerEvent) => void ended.push(`${name} ${kind}`) } });
    const one = await table.process(table.items, undefined, { clock, ...hearing("one") });
    let overtaken = false;
    const items = passedThrough(table.items, {
      transact: async (writes) => {
        if (
          !overtaken &&
          writes.some(({ kind, ...write }) => kind === "delete" && "key" in write && write.key.pk === RUNNING_REDRIVES_PK)
        ) {
          overtaken = true;
          await one.maintain({ untilMs: clock.nowMs() + 1_000 });
        }
        return table.items.transact(writes);
      },
    });
    await die(one);
    ended.length = 0;
    const two = await table.process(items, undefined, { clock, ...hearing("two") });
    expect(await two.redriveDeadLetters("billing", {})).toMatchObject({ state: "DONE", moved: 6 });
    expect(ended).toEqual(["one redriveEnded"]);
  });
});
