import { describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ItemStore, TransactWrite } from "../../../core/ports/item-store.ts";
import { StoreCorrupt, StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { Producing } from "../../../core/produce/producing.ts";
import { type CheckTimer, timerOf } from "../../../core/timer/timer.ts";
import { CHECKS_PER_BATCH_MAX, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import { TimerShards } from "../../../core/timer/timer-shards.ts";
import { createTransactions } from "../../../core/transaction/create-transactions.ts";
import {
  CHECK_INTERVAL_MS,
  CHECKS_WRITTEN_AT_ONCE,
  UNREADABLE_CHECK_INTERVAL_MS,
} from "../../../core/transaction/transaction-limits.ts";
import { Arrivals } from "../../../core/wake/arrivals.ts";
import { TimerBell } from "../../../core/wake/timer-bell.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const CHECK_AFTER_MS = 6_000;

/** A batch of due checks, and what makes it, over a store of which some calls are others. */
async function setUp(change: (items: ItemStore) => Partial<ItemStore> = () => ({}), count = CHECKS_PER_BATCH_MAX) {
  const table = brokerOverTable();
  const { items, clock } = table;
  const broker = await table.process();
  await broker.putTopic("orders", { type: "TRANSACTION" });
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    const options = { producerGroup: "pay", checkAfterMs: CHECK_AFTER_MS };
    ids.push((await broker.sendHalfMessage("orders", { body: Buffer.from("x") }, options)).transactionId);
  }
  table.pass(CHECK_AFTER_MS);
  const calls = { reads: 0, writes: 0, writesAtOnce: 0, writesAtOnceMost: 0 };
  const writing = async <T>(write: () => Promise<T>): Promise<T> => {
    calls.writes++;
    calls.writesAtOnceMost = Math.max(calls.writesAtOnceMost, ++calls.writesAtOnce);
    await new Promise((resolve) => setImmediate(resolve));
    return write().finally(() => calls.writesAtOnce--);
  };
  const reading = <T>(read: () => Promise<T>): Promise<T> => {
    calls.reads++;
    return read();
  };
  const changed = change(items);
  const store: ItemStore = {
    get: (key) => reading(() => (changed.get ?? items.get.bind(items))(key)),
    batchGet: (keys) => reading(() => (changed.batchGet ?? items.batchGet.bind(items))(keys)),
    query: (query) => items.query(query),
    put: (item, options) => writing(() => items.put(item, options)),
    update: (key, changes, options) => writing(() => items.update(key, changes, options)),
    delete: (key, options) => writing(() => items.delete(key, options)),
    transact: (writes) => writing(() => (changed.transact ?? items.transact.bind(items))(writes)),
  };
  const failures: unknown[] = [];
  const bell = new TimerBell({ items: store, clock, shards: new TimerShards(undefined) }, undefined);
  const producing = { items: store, clock, random: new SeededRandom(1), arrivals: new Arrivals(clock), bell };
  const { checksDue } = createTransactions(
    // Nothing is posted or committed.
    producing as unknown as Parameters<typeof createTransactions>[0] & Producing,
    {},
    { events: { happened: () => undefined }, onFailure: (error) => failures.push(error) },
  );
  const timers = () => timersOf(items);
  const due = async (some?: readonly CheckTimer[]) => checksDue(some ?? (await timers()));
  return { ...table, broker, ids, calls, failures, timers, checksDue: due };
}

async function timersOf(items: ItemStore): Promise<readonly CheckTimer[]> {
  const shards = Array.from({ length: TIMER_SHARDS }, (_, shard) => items.query({ pk: `t#${shard}`, limit: 100 }));
  const pages = await Promise.all(shards);
  return pages.flatMap((page) => page.items.map((item) => timerOf(item) as CheckTimer));
}

const checksOf = (broker: RunningBroker, ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await broker.getTransaction(id)).checks));

const isOf = (writes: readonly TransactWrite[], id: string | undefined) =>
  writes.some((write) => write.kind === "update" && write.key.sk === id);

describe("checks of one producer group that are due together", () => {
  it("may be two of one transaction, where another process has made the first", async () => {
    const { broker, ids, timers, pass, checksDue } = await setUp(undefined, 2);
    const before = await timers();
    await checksDue();
    pass(CHECK_INTERVAL_MS);
    expect(await checksDue([...before, ...(await timers())])).toEqual({ left: [] });
    expect(await checksOf(broker, ids)).toEqual([2, 2]);
  });

  it("are read at once, and made side by side", async () => {
    const { broker, ids, calls, checksDue } = await setUp();
    expect(await checksDue()).toEqual({ left: [] });
    expect(await checksOf(broker, ids)).toEqual(ids.map(() => 1));
    // Half messages, and the group's settings.
    expect(calls.reads).toBe(2);
    expect(calls.writes).toBe(ids.length);
    expect(calls.writesAtOnceMost).toBe(CHECKS_WRITTEN_AT_ONCE);
  });

  it("are dropped by one write each where their transactions ended", async () => {
    const { broker, ids, calls, checksDue, timers } = await setUp();
    for (const id of ids) await broker.endTransaction(id, "rollback");
    expect(await checksDue()).toEqual({ left: [] });
    expect(await timers()).toEqual([]);
    expect(calls).toMatchObject({ reads: 1, writes: ids.length });
  });

  it("are answered where someone is at their transaction at this moment, and the others are made", async () => {
    let stuck: string | undefined;
    const { broker, ids, checksDue } = await setUp((items) => ({
      transact: (writes) => {
        if (isOf(writes, stuck)) throw new StoreUnavailable("not-applied", "conflict", "another transaction");
        return items.transact(writes);
      },
    }));
    stuck = ids[3];
    const { left } = await checksDue();
    expect(left.map(({ id }) => id)).toEqual([stuck]);
    expect(await checksOf(broker, ids)).toEqual(ids.map((id) => (id === stuck ? 0 : 1)));
  });

  it("are all tried before a failure of one is told, and are not made twice by a repeat", async () => {
    let failing: string | undefined;
    const { broker, ids, checksDue, timers } = await setUp((items) => ({
      transact: (writes) => {
        if (isOf(writes, failing)) throw new StoreUnavailable("not-applied", "throttled", "too hot");
        return items.transact(writes);
      },
    }));
    failing = ids[0];
    const due = await timers();
    await expect(checksDue(due)).rejects.toMatchObject({ reason: "throttled" });
    expect(await checksOf(broker, ids)).toEqual(ids.map((id) => (id === failing ? 0 : 1)));
    failing = undefined;
    expect(await checksDue(due)).toEqual({ left: [] });
    expect(await checksOf(broker, ids)).toEqual(ids.map(() => 1));
  });

  it("are found to be made where the reply was lost", async () => {
    const { broker, ids, checksDue } = await setUp((items) => ({
      async transact(writes) {
        await items.transact(writes);
        throw new StoreUnavailable("unknown", "unavailable", "no reply");
      },
    }));
    expect(await checksDue()).toEqual({ left: [] });
    expect(await checksOf(broker, ids)).toEqual(ids.map(() => 1));
  });

  it("do not wait for one whose half message cannot be read, which is looked at again an hour later", async () => {
    let damaged: string | undefined;
    const garbled = () => new StoreCorrupt("a half message");
    const { broker, ids, clock, failures, checksDue, timers } = await setUp((items) => ({
      get: async (key) => {
        if (key.sk === damaged) throw garbled();
        return items.get(key);
      },
      batchGet: async (keys) => {
        if (keys.some(({ sk }) => sk === damaged)) throw garbled();
        return items.batchGet(keys);
      },
    }));
    damaged = ids[7];
    expect(await checksDue()).toEqual({ left: [] });
    expect(failures).toEqual([expect.any(StoreCorrupt)]);
    expect(await checksOf(broker, ids)).toEqual(ids.map((id) => (id === damaged ? 0 : 1)));
    const dueIn = new Map((await timers()).map(({ id, dueMs }) => [id, dueMs - clock.nowMs()]));
    for (const id of ids) expect(dueIn.get(id)).toBe(id === damaged ? UNREADABLE_CHECK_INTERVAL_MS : CHECK_INTERVAL_MS);
  });
});
