import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../../adapters/memory/memory-object-store.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { subscribersPk, subscriptionsPk } from "../../../core/keys.ts";
import { GROUPS_MAX, SUBSCRIBERS_MAX, SUBSCRIPTIONS_MAX, TOPICS_MAX } from "../../../core/limits.ts";
import { FLIGHT_MS_MAX } from "../../../core/log/log-limits.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { testBroker } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

/** One table over which processes come and go; whoever sleeps moves the clock. */
function setUp() {
  const items = new MemoryItemStore();
  const objects = new MemoryObjectStore();
  let nowMs = 1_800_000_000_000;
  let processes = 0;
  const pass = (ms: number): number => {
    nowMs += ms;
    return nowMs;
  };
  const sleep = async (ms: number): Promise<void> => {
    pass(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const clock = { nowMs: () => nowMs, sleep };
  const process = (store: ItemStore = items): Promise<RunningBroker> =>
    testBroker({
      items: store,
      objects,
      clock,
      random: new SeededRandom(++processes),
    });
  /** Ends all that was deleted. */
  const maintain = async (broker: RunningBroker): Promise<void> => {
    for (let round = 0; round < 2; round++) await broker.maintain({ untilMs: pass(FLIGHT_MS_MAX + 1) + 60_000 });
  };
  return { items, process, maintain };
}

/** True: done. False: refused, since there are as many as there can be. */
async function fits(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (BrokerError.is(error) && error.code === "QUOTA_EXCEEDED") return false;
    throw error;
  }
}

/** How many of so many calls, all made at once, were let through. */
const fitting = async (count: number, call: (index: number) => Promise<unknown>): Promise<number> =>
  (await Promise.all(Array.from({ length: count }, (_, index) => fits(call(index))))).filter(Boolean).length;

const subscribe = (broker: RunningBroker, group: string, topic: string) =>
  broker.putSubscription(group, topic, { startFrom: "earliest" });
const unsubscribe = (broker: RunningBroker, group: string, topic: string) =>
  broker.deleteSubscription(group, topic, { dryRun: false });
const topicsOf = async (broker: RunningBroker, group: string) => (await broker.getGroup(group)).subscriptions.length;

async function makeTopics(broker: RunningBroker, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await broker.putTopic(`t${index}`, { queues: 1 });
}

describe("as many as there can be", () => {
  const kinds = [
    {
      kind: "topics",
      max: TOPICS_MAX,
      put: (broker: RunningBroker, name: string) => broker.putTopic(name, { queues: 1 }),
      remove: (broker: RunningBroker, name: string) => broker.deleteTopic(name, { dryRun: false }),
    },
    {
      kind: "groups",
      max: GROUPS_MAX,
      put: (broker: RunningBroker, name: string) => broker.putGroup(name, {}),
      remove: (broker: RunningBroker, name: string) => broker.deleteGroup(name, { dryRun: false }),
    },
  ] as const;
  it.each(kinds.map((of) => [of.kind, of] as const))(
    "%s, made at once through two processes, and anew after a deletion",
    async (_, of) => {
      const { process } = setUp();
      const brokers = [await process(), await process()] as const;
      const put = (index: number) => of.put(brokers[index % 2 === 0 ? 0 : 1], `n${index}`);
      for (let index = 0; index < of.max - 5; index++) await put(index);
      expect(await fitting(20, (index) => put(of.max + index))).toBe(5);
      await expect(put(0)).resolves.toMatchObject({ created: false });
      await of.remove(brokers[0], "n7");
      expect(await fitting(3, (index) => put(2 * of.max + index))).toBe(1);
    },
  );

  it("subscriptions of a group", async () => {
    const { process } = setUp();
    const brokers = [await process(), await process()] as const;
    const [broker] = brokers;
    await broker.putGroup("billing", {});
    await broker.putGroup("stock", {});
    await makeTopics(broker, SUBSCRIPTIONS_MAX + 20);
    expect(await fitting(SUBSCRIPTIONS_MAX + 20, (index) => subscribe(brokers[index % 2 ? 1 : 0], "billing", `t${index}`))).toBe(
      SUBSCRIPTIONS_MAX,
    );
    const { subscriptions } = await broker.getGroup("billing");
    expect(subscriptions).toHaveLength(SUBSCRIPTIONS_MAX);
    const [first, second] = subscriptions.map(({ topic }) => topic) as [string, string];
    // Another filter is not another subscription.
    await broker.putSubscription("billing", first, { filter: { type: "TAG", expression: "a" } });
    expect(await fits(subscribe(broker, "stock", first))).toBe(true);
    await unsubscribe(broker, "billing", first);
    await broker.deleteTopic(second, { dryRun: false });
    expect(await fitting(SUBSCRIPTIONS_MAX, (index) => subscribe(broker, "billing", `t${index + 20}`))).toBeGreaterThan(2);
    expect(await topicsOf(broker, "billing")).toBe(SUBSCRIPTIONS_MAX);
  });

  it("groups that read a topic", async () => {
    const { process } = setUp();
    const broker = await process();
    await broker.putTopic("orders", { queues: 1 });
    for (let index = 0; index < SUBSCRIBERS_MAX + 3; index++) await broker.putGroup(`g${index}`, {});
    for (let index = 0; index < SUBSCRIBERS_MAX - 2; index++) await subscribe(broker, `g${index}`, "orders");
    expect(await fitting(5, (index) => subscribe(broker, `g${SUBSCRIBERS_MAX - 2 + index}`, "orders"))).toBe(2);
    await broker.deleteGroup("g0", { dryRun: false });
    await unsubscribe(broker, "g1", "orders");
    expect(await fitting(5, (index) => subscribe(broker, `g${SUBSCRIBERS_MAX - 2 + index}`, "orders"))).toBe(4);
    expect(await fits(subscribe(broker, "g1", "orders"))).toBe(false);
  });
});

it("is counted once, in a store that has no counts yet", async () => {
  const { items, process } = setUp();
  const broker = await process();
  await broker.putGroup("billing", {});
  await makeTopics(broker, SUBSCRIPTIONS_MAX + 5);
  for (let index = 0; index < SUBSCRIPTIONS_MAX - 1; index++) await subscribe(broker, "billing", `t${index}`);
  for (const { pk, sk } of (await items.query({ pk: "count", limit: 100 })).items) await items.delete({ pk, sk });
  expect(await fitting(5, (index) => subscribe(broker, "billing", `t${SUBSCRIPTIONS_MAX + index}`))).toBe(1);
  await unsubscribe(broker, "billing", "t0");
  expect(await fits(subscribe(broker, "billing", "t1"))).toBe(true);
  expect(await fits(subscribe(broker, "billing", "t0"))).toBe(true);
  expect(await topicsOf(broker, "billing")).toBe(SUBSCRIPTIONS_MAX);
});

it("waits for others whose transactions are on the same count", async () => {
  const { items, process } = setUp();
  let running = 0;
  const contended: ItemStore = {
    get: (key) => items.get(key),
    batchGet: (keys) => items.batchGet(keys),
    query: (query) => items.query(query),
    put: (item, options) => items.put(item, options),
    update: (key, changes, options) => items.update(key, changes, options),
    delete: (key, options) => items.delete(key, options),
    async transact(writes) {
      if (running > 0) throw new StoreUnavailable("not-applied", "conflict", "a transaction is running on the item");
      running++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return items.transact(writes);
    },
  };
  const brokers = await Promise.all([process(contended), process(contended), process(contended)]);
  await Promise.all(brokers.map((broker, index) => broker.putTopic(`t${index}`, {})));
  expect((await brokers[0].listTopics({ limit: 10 })).items).toHaveLength(3);
});

describe("counts do not part from what is there", () => {
  /** Everything that makes and deletes subscriptions, ended by maintenance where it was cut short. */
  async function life(broker: RunningBroker): Promise<void> {
    const steps = [
      () => subscribe(broker, "billing", "t0"),
      () => subscribe(broker, "billing", "t1"),
      () => unsubscribe(broker, "billing", "t0"),
      () => broker.deleteTopic("t1", { dryRun: false }),
      () => broker.putTopic("t1", { queues: 1 }),
      () => subscribe(broker, "billing", "t1"),
      () => subscribe(broker, "stock", "t2"),
      () => broker.deleteGroup("stock", { dryRun: false }),
      () => broker.putGroup("stock", {}),
      () => subscribe(broker, "stock", "t2"),
    ];
    for (const step of steps) {
      await step().catch((error: unknown) => {
        if (!BrokerError.is(error)) throw error;
      });
    }
  }

  it.each(FAULTS)("whichever write meets: %s", async (fault) => {
    for (let write = 0; ; write++) {
      const stage = setUp();
      const calm = await stage.process();
      for (const group of ["billing", "stock"]) await calm.putGroup(group, {});
      await makeTopics(calm, SUBSCRIPTIONS_MAX + 3);
      const { store, reached, applyLate } = faulty(stage.items, write, fault);
      const broker = await stage.process(store);
      await life(broker);
      if (!reached()) break;
      await applyLate();
      await stage.maintain(calm);
      for (const [counted, there] of await countedAndThere(stage.items)) expect(counted, `write ${write}`).toEqual(there);
      await calm.putTopic("t1", { queues: 1 });
      for (let index = 0; index < SUBSCRIPTIONS_MAX + 3; index++) await fits(subscribe(calm, "billing", `t${index}`));
      expect(await topicsOf(calm, "billing"), `write ${write}`).toBe(SUBSCRIPTIONS_MAX);
    }
  });

  /** Each count of subscriptions, and the number of items it stands for. */
  async function countedAndThere(items: ItemStore) {
    const { items: counts } = await items.query({ pk: "count", limit: 1_000 });
    const pairs: [object, object][] = [];
    for (const { sk, n } of counts) {
      const [of, uid] = [sk.slice(0, sk.indexOf("-")), sk.slice(sk.indexOf("-") + 1)];
      if (of !== "subscriptions" && of !== "subscribers") continue;
      const there = await items.query({ pk: of === "subscriptions" ? subscriptionsPk(uid) : subscribersPk(uid), limit: 100 });
      pairs.push([
        { sk, n },
        { sk, n: there.items.length },
      ]);
    }
    return pairs;
  }
});
