import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError, ERROR_CODES, type ErrorCodeName } from "../../../core/errors.ts";
import { blockKey } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { answering, asBrokerError, finishing } from "../../../core/store/store-errors.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCodeName[];

describe("what an error changed", () => {
  it.each(CODES)("is said with %s, and can be said otherwise", (code) => {
    const error = new BrokerError(code, "what and why", { members: { a: 1 }, errors: [{ field: "f", detail: "d" }] });
    expect(error.effect).toBe(ERROR_CODES[code].effect);
    expect(error.withUnknownEffect()).toMatchObject({ code, effect: "unknown", message: "what and why", members: { a: 1 } });
    expect(new BrokerError(code, "x", { effect: "none" }).effect).toBe("none");
  });

  it("is nothing wherever the caller is to blame", () => {
    for (const code of CODES) if (ERROR_CODES[code].status < 500) expect(ERROR_CODES[code].effect, code).toBe("none");
  });

  it.each([
    ["not-applied", "throttled", "STORE_UNAVAILABLE", "none"],
    ["not-applied", "full", "STORE_UNAVAILABLE", "none"],
    ["unknown", "full", "STORE_UNAVAILABLE", "unknown"],
    ["unknown", "unavailable", "REQUEST_TIMEOUT", "unknown"],
  ] as const)("follows the store's word: %s and %s is %s, %s", (outcome, reason, code, effect) => {
    expect(asBrokerError(new StoreUnavailable(outcome, reason, "x"))).toMatchObject({ code, effect });
  });

  it("is unknown once the decisive part is done", async () => {
    const failures = [
      new StoreUnavailable("not-applied", "throttled", "x"),
      new BrokerError("TOO_MANY_REQUESTS", "x"),
      new StoreCorrupt("x"),
    ];
    for (const failure of failures)
      await expect(answering(() => finishing(() => Promise.reject(failure)))).rejects.toMatchObject({ effect: "unknown" });
  });

  it("names damaged data by queue and offset, and nothing else of the store", async () => {
    const damage = new StoreCorrupt("block q#secretUid#3 is malformed", { key: blockKey("secretUid", 3, 70) });
    const answer = await answering(() => Promise.reject(damage), { topic: "orders" }).catch((error: BrokerError) => error);
    expect(answer).toMatchObject({
      code: "STORE_CORRUPT",
      retryable: false,
      effect: "unknown",
      members: { topic: "orders", queueId: 3, offset: "70" },
      cause: damage,
    });
    expect(answer.message).not.toContain("secretUid");
    expect(asBrokerError(new StoreCorrupt("x"))).toMatchObject({ code: "STORE_CORRUPT", members: {} });
  });
});

/** A store that is away after so many writes: whatever is asked of it then is certainly not applied. */
function awayAfter(inner: ItemStore) {
  let writes = Number.POSITIVE_INFINITY;
  const call = <T>(apply: () => Promise<T>, cost: 0 | 1): Promise<T> => {
    if (writes <= 0) return Promise.reject(new StoreUnavailable("not-applied", "unavailable", "away"));
    writes -= cost;
    return apply();
  };
  const store: ItemStore = {
    get: (key, options) => call(() => inner.get(key, options), 0),
    batchGet: (keys, options) => call(() => inner.batchGet(keys, options), 0),
    query: (query) => call(() => inner.query(query), 0),
    put: (item, options) => call(() => inner.put(item, options), 1),
    update: (key, changes, options) => call(() => inner.update(key, changes, options), 1),
    delete: (key, options) => call(() => inner.delete(key, options), 1),
    transact: (all) => call(() => inner.transact(all), 1),
  };
  return {
    store,
    allow: (count: number) => {
      writes = count;
    },
  };
}

const VERBS: Record<string, (broker: RunningBroker) => Promise<unknown>> = {
  "deletes a topic": (broker) => broker.deleteTopic("orders", { dryRun: false }),
  "deletes a group": (broker) => broker.deleteGroup("readers", { dryRun: false }),
  "deletes a subscription": (broker) => broker.deleteSubscription("readers", "orders", { dryRun: false }),
  subscribes: (broker) => broker.putSubscription("readers", "spare", { startFrom: "earliest" }),
  "resets offsets": (broker) => broker.resetOffsets("readers", { topic: "orders", to: "latest", dryRun: false }),
  "makes a group": (broker) => broker.putGroup("others", { paused: false }),
  "changes a group": (broker) => broker.patchGroup("readers", { paused: false, maxAttempts: 3 }),
  "lowers queues": (broker) => broker.patchTopic("spare", { queues: 1 }),
  "changes the queues of message groups": (broker) => broker.patchTopic("ordered", { queues: 2 }),
  "joins a group": (broker) => broker.heartbeat("readers", "client", { subscriptions: undefined, room: undefined }),
  receives: (broker) => broker.receiveMessages("readers", { max: 2, waitMs: 0 }),
  redrives: (broker) => broker.redriveDeadLetters("failing", {}),
};

describe("a verb that loses the store between its steps", () => {
  it.each(Object.entries(VERBS))("says that nothing was changed only where that is so: it %s", async (_, verb) => {
    for (let writes = 0; ; writes++) {
      const table = brokerOverTable(SHARED_STORE);
      const calm = await table.process();
      for (const topic of ["orders", "spare"]) await calm.putTopic(topic, { queues: 2 });
      await calm.putTopic("ordered", { queues: 1, type: "FIFO" });
      await calm.putGroup("readers", { paused: true });
      await calm.putGroup("failing", { maxAttempts: 1 });
      for (const group of ["readers", "failing"]) await calm.putSubscription(group, "orders", { startFrom: "earliest" });
      await calm.sendMessages("orders", [{ body: Buffer.from("x") }]);
      const [failed] = await calm.receiveMessages("failing", { max: 1, waitMs: 0 });
      if (failed) await calm.settleMessages("failing", [{ action: "nack", receiptHandle: failed.receiptHandle }]);
      if (verb === VERBS.receives) await calm.resumeGroup("readers");
      const shown = async () => {
        const page = { limit: 100 };
        const groups = await calm.listGroups(page);
        return [
          await calm.listTopics(page),
          await Promise.all(groups.items.map(({ name }) => calm.getGroup(name))),
          await Promise.all(groups.items.map(({ name }) => calm.groupLag(name))),
          await Promise.all(groups.items.map(({ name }) => calm.listDeadLetters(name, { ...page, maxBytes: 1_000 }))),
        ];
      };
      const before = await shown();
      const { store, allow } = awayAfter(table.items);
      const broker = await table.process(store);
      allow(writes);
      const answer = await verb(broker).catch((error: unknown) => error);
      if (!(answer instanceof Error)) break;
      expect(answer).toBeInstanceOf(BrokerError);
      if ((answer as BrokerError).effect === "none") expect(await shown(), `after ${writes} writes`).toEqual(before);
      expect(writes).toBeLessThan(30);
    }
  });
});
