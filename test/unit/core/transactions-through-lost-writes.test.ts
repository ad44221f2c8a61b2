import { describe, expect, it } from "vitest";
import { type BrokerSettings, SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { BrokerError } from "../../../core/errors.ts";
import { halfMessagesPk, timersPk } from "../../../core/keys.ts";
import type { ItemStore } from "../../../core/ports/item-store.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { MessageInput } from "../../../core/terms.ts";
import { SCAN_LEASE_MS, TIMER_SHARDS } from "../../../core/timer/timer-limits.ts";
import type { Resolution, Transaction } from "../../../core/transaction/transaction.ts";
import { CHECK_INTERVAL_MS, HALF_MESSAGE_SHARDS, MAX_CHECKS_DEFAULT } from "../../../core/transaction/transaction-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";
import { FAULTS, faulty } from "../../support/faults/one-faulty-write.ts";

const CHECK_AFTER_MS = 6_000;
const CHECKS = { max: 32, maxBytes: 1e6, waitMs: 0 };

type Identity = Pick<MessageInput, "once">;
const KEY: Identity = { once: { kind: "key", key: "order-1", windowMs: 3_600_000 } };
const SEQUENCE: Identity = { once: { kind: "sequence", producerId: "p", sequence: 0 } };

const prepare = async (broker: RunningBroker, identity: Identity = {}): Promise<string> => {
  const message = { body: Buffer.from("paid"), ...identity };
  return (await broker.sendHalfMessage("orders", message, { producerGroup: "pay", checkAfterMs: CHECK_AFTER_MS })).transactionId;
};

async function setUp(settings?: BrokerSettings) {
  const table = brokerOverTable(settings);
  const broker = await table.process();
  await broker.putTopic("orders", { type: "TRANSACTION", queues: 1 });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  /** A process whose write of this number goes wrong. */
  const victim = async (write: number, fault: (typeof FAULTS)[number]) => {
    const { store, reached, applyLate } = faulty(table.items, write, fault);
    return { victim: await table.process(store), reached, applyLate };
  };
  /** Does what is due now. Where a process that died may hold the lease, that takes longer. */
  const scan = async (by: RunningBroker, forMs = SCAN_LEASE_MS + 1_000) => {
    await by.scan({ untilMs: table.clock.nowMs() + forMs });
  };
  return { ...table, broker, victim, scan };
}

/** Every item of some partitions. */
async function read(items: ItemStore, pks: readonly string[]) {
  const pages = await Promise.all(pks.map((pk) => items.query({ pk, limit: 100 })));
  return pages.flatMap((page) => page.items);
}
const timers = (items: ItemStore) =>
  read(
    items,
    Array.from({ length: TIMER_SHARDS }, (_, shard) => timersPk(shard)),
  );
const halves = (items: ItemStore) =>
  read(
    items,
    Array.from({ length: HALF_MESSAGE_SHARDS }, (_, shard) => halfMessagesPk(shard)),
  );

const OPPOSITE = { commit: "rollback", rollback: "commit" } as const;
const STATE = { commit: "COMMITTED", rollback: "ROLLED_BACK" } as const;

/** What the caller is told: the state, or nothing certain. */
const told = (verdict: Promise<Transaction>): Promise<string | undefined> =>
  verdict.then(
    ({ state }) => state,
    ({ code, members }: BrokerError) => (code === "TRANSACTION_ENDED" ? String(members.state) : undefined),
  );

describe("a half message", () => {
  it.each(FAULTS)("is stored with its check or not at all, whatever becomes of a write: %s", async (fault) => {
    let met = 0;
    for (let write = 0; ; write++) {
      const { items, process, victim, scan, pass } = await setUp();
      const { victim: sender, reached, applyLate } = await victim(write, fault);
      const acknowledged = await prepare(sender).catch(() => undefined);
      await applyLate();
      const stored = (await halves(items)).map(({ sk }) => sk);
      if (acknowledged !== undefined) expect(stored, `write ${write}`).toEqual([acknowledged]);
      else expect(fault).toMatch("crash");
      expect(
        (await timers(items)).map(({ sk }) => sk.slice(16)),
        `write ${write}`,
      ).toEqual(stored);
      pass(CHECK_AFTER_MS);
      const successor = await process();
      await scan(successor);
      const asked = await successor.receiveChecks("pay", CHECKS);
      expect(asked.map(({ transactionId, checkNumber }) => [transactionId, checkNumber])).toEqual(stored.map((id) => [id, 1]));
      if (!reached()) break;
      met++;
    }
    expect(met).toBeGreaterThanOrEqual(1);
  });

  it("that was committed is not brought back by a write that comes late", async () => {
    const { broker, items, victim } = await setUp();
    const { victim: sender, applyLate } = await victim(0, "late");
    const id = await prepare(sender);
    await broker.endTransaction(id, "commit");
    await applyLate();
    expect(await broker.endTransaction(id, "commit")).toMatchObject({ state: "COMMITTED" });
    expect(await timers(items)).toHaveLength(1);
    expect(await receivedTexts(broker, "billing")).toEqual(["paid"]);
  });

  describe.each([
    ["key", KEY],
    ["sequence", SEQUENCE],
  ])("that is known by its %s", (_what, identity) => {
    it.each(FAULTS)("begins one transaction, however often it is sent and whatever becomes of a write: %s", async (fault) => {
      for (let write = 0; ; write++) {
        const { items, process, victim } = await setUp();
        const { victim: sender, reached, applyLate } = await victim(write, fault);
        const first = await prepare(sender, identity).catch(() => undefined);
        const successor = await process();
        const second = await prepare(successor, identity);
        await applyLate();
        const third = await prepare(await process(), identity);
        expect([second, third], `write ${write}`).toEqual([first ?? second, first ?? second]);
        expect(
          (await halves(items)).map(({ sk }) => sk),
          `write ${write}`,
        ).toEqual([second]);
        await successor.endTransaction(second, "commit");
        expect(await receivedTexts(await process(), "billing"), `write ${write}`).toEqual(["paid"]);
        if (!reached()) break;
      }
    });
  });
});

describe.each(["commit", "rollback"] as const)("a %s", (resolution: Resolution) => {
  it.each(FAULTS)("and the opposite verdict after it have one outcome, whatever becomes of a write: %s", async (fault) => {
    let met = 0;
    for (let write = 0; ; write++) {
      const { process, broker, victim } = await setUp();
      const id = await prepare(broker);
      const { victim: decider, reached, applyLate } = await victim(write, fault);
      const answers = [await told(decider.endTransaction(id, resolution))];
      const successor = await process();
      answers.push(await told(successor.endTransaction(id, OPPOSITE[resolution])));
      await applyLate();
      answers.push(await told((await process()).endTransaction(id, resolution)));
      const { state } = await successor.getTransaction(id);
      expect(["COMMITTED", "ROLLED_BACK"]).toContain(state);
      for (const answer of answers) if (answer !== undefined) expect(answer, `write ${write}`).toBe(state);
      expect(answers[2], `write ${write}`).toBe(state);
      const texts = await receivedTexts(await process(), "billing");
      expect(texts, `write ${write}`).toEqual(state === "COMMITTED" ? ["paid"] : []);
      if (!reached()) break;
      met++;
    }
    expect(met).toBeGreaterThanOrEqual(1);
  });

  it.each(FAULTS)("that is repeated is answered as the first, whatever becomes of a write: %s", async (fault) => {
    for (let write = 0; ; write++) {
      const { process, broker, victim } = await setUp();
      const id = await prepare(broker);
      const { victim: decider, reached, applyLate } = await victim(write, fault);
      await decider.endTransaction(id, resolution).catch(() => undefined);
      const again = await (await process()).endTransaction(id, resolution);
      await applyLate();
      expect(await (await process()).endTransaction(id, resolution), `write ${write}`).toEqual(again);
      expect(again.state).toBe(STATE[resolution]);
      const texts = await receivedTexts(await process(), "billing");
      expect(texts, `write ${write}`).toEqual(resolution === "commit" ? ["paid"] : []);
      if (!reached()) return;
    }
  });
});

describe("a check", () => {
  it.each(FAULTS)("is made once, and followed by the next, whatever becomes of a write: %s", async (fault) => {
    for (let write = 0; ; write++) {
      const { items, process, broker, victim, scan, pass } = await setUp();
      const id = await prepare(broker);
      pass(CHECK_AFTER_MS);
      const { victim: scanner, reached, applyLate } = await victim(write, fault);
      await scan(scanner).catch(() => undefined);
      const successor = await process();
      const numbers: number[] = [];
      for (let lateWrite = applyLate; (await successor.getTransaction(id)).state === "PREPARED"; ) {
        await scan(successor);
        numbers.push(...(await successor.receiveChecks("pay", CHECKS)).map(({ checkNumber }) => checkNumber));
        await lateWrite();
        lateWrite = async () => [];
        const undecided = (await successor.getTransaction(id)).state === "PREPARED";
        expect(await timers(items), `write ${write}`).toHaveLength(undecided ? 1 : 0);
        pass(CHECK_INTERVAL_MS / 2);
      }
      const all = Array.from({ length: MAX_CHECKS_DEFAULT }, (_, at) => at + 1);
      expect(numbers, `write ${write}`).toEqual(all);
      expect(await successor.getTransaction(id), `write ${write}`).toMatchObject({ state: "DISCARDED" });
      expect(await timers(items), `write ${write}`).toEqual([]);
      if (!reached()) return;
    }
  });

  it.each(FAULTS)("that is one too many discards once, whatever becomes of a write: %s", async (fault) => {
    for (let write = 0; ; write++) {
      const { items, process, broker, victim, scan, pass } = await setUp();
      await broker.putProducerGroup("pay", { maxChecks: 1 });
      const id = await prepare(broker);
      pass(CHECK_AFTER_MS);
      await scan(broker);
      pass(CHECK_INTERVAL_MS);
      const { victim: scanner, reached, applyLate } = await victim(write, fault);
      await scan(scanner).catch(() => undefined);
      const successor = await process();
      await scan(successor);
      expect(await told(successor.endTransaction(id, "commit", { discarded: true }))).toBe("COMMITTED");
      await applyLate();
      await scan(await process());
      expect(await successor.getTransaction(id), `write ${write}`).toMatchObject({ state: "COMMITTED" });
      expect(await receivedTexts(await process(), "billing"), `write ${write}`).toEqual(["paid"]);
      expect(await timers(items), `write ${write}`).toEqual([]);
      if (!reached()) return;
    }
  });

  it.each(FAULTS)(
    "goes to one producer at most, and the next one makes up for it, whatever becomes of a write: %s",
    async (fault) => {
      for (let write = 0; ; write++) {
        const { process, broker, victim, scan, pass } = await setUp();
        const id = await prepare(broker);
        pass(CHECK_AFTER_MS);
        await scan(broker);
        const { victim: producer, reached, applyLate } = await victim(write, fault);
        const asked = [...(await producer.receiveChecks("pay", CHECKS).catch(() => []))];
        const successor = await process();
        asked.push(...(await successor.receiveChecks("pay", CHECKS)));
        expect(asked.length, `write ${write}`).toBeLessThanOrEqual(1);
        pass(CHECK_INTERVAL_MS);
        await scan(successor);
        await applyLate();
        expect(await successor.receiveChecks("pay", CHECKS), `write ${write}`).toMatchObject([
          { transactionId: id, checkNumber: 2 },
        ]);
        if (!reached()) return;
      }
    },
  );
});

describe("a check that meets the write of another", () => {
  /** Prepares two transactions, and does what is due on a store that shows its first check something else. */
  const scanOver = async (change: (items: ItemStore) => Partial<ItemStore>) => {
    const { items, process, broker, scan, pass, failures } = await setUp();
    const ids = [await prepare(broker), await prepare(broker)];
    pass(CHECK_AFTER_MS);
    const shown: Partial<ItemStore> = change(items);
    const store = new Proxy(items, {
      get: (target, name: keyof ItemStore) => shown[name] ?? target[name].bind(target),
    });
    await scan(await process(store), 2_000);
    expect(failures).toEqual([]);
    const asked = (await broker.receiveChecks("pay", CHECKS)).map(({ transactionId }) => transactionId);
    return { ids, asked };
  };

  it("is made by the same run a moment later, and holds up no other", async () => {
    const made: string[] = [];
    let stuck: string | undefined;
    let conflicts = 2;
    const { ids, asked } = await scanOver((items) => ({
      async transact(writes) {
        const [half] = writes;
        const id = half?.kind === "update" ? half.key.sk : "";
        stuck ??= id;
        if (id === stuck && conflicts-- > 0) throw new StoreUnavailable("not-applied", "conflict", "another transaction");
        made.push(id);
        return items.transact(writes);
      },
    }));
    expect(made).toEqual([ids.find((id) => id !== stuck), stuck]);
    expect(asked.sort()).toEqual(ids.sort());
  });

  it("is not dropped for a half message that is not to be seen yet", async () => {
    let unseen = 2;
    const { ids, asked } = await scanOver((items) => ({
      batchGet: async (keys) => {
        const found = await items.batchGet(keys);
        return found.map((item) => (item?.pk.startsWith("x#") && unseen-- > 0 ? undefined : item));
      },
    }));
    expect(unseen).toBeLessThanOrEqual(0);
    expect(asked.sort()).toEqual(ids.sort());
  });
});

describe("verdicts, a due check and a discard that come together", () => {
  const cases = ["commit and rollback", "with a check", "with a discard"] as const;
  it.each(cases)("have one outcome, in whatever order their calls meet: %s", async (what) => {
    const { items, process, broker, scan, pass } = await setUp(SHARED_STORE);
    if (what === "with a discard") await broker.putProducerGroup("pay", { maxChecks: 1 });
    const [one, two, scanner] = [await process(), await process(), await process()];
    const yields = async (count: number) => {
      for (let index = 0; index < count; index++) await Promise.resolve();
    };
    const outcomes = new Set<string>();
    for (let turn = 0; turn < 40; turn++) {
      const id = await prepare(broker);
      pass(CHECK_AFTER_MS);
      if (what === "with a discard") {
        await scan(broker, 1);
        pass(CHECK_INTERVAL_MS);
      }
      const [committed, rolledBack] = await Promise.all([
        yields(turn % 8).then(() => told(one.endTransaction(id, "commit"))),
        yields(turn * 3).then(() => told(two.endTransaction(id, "rollback"))),
        what === "commit and rollback" ? undefined : yields(20 - turn).then(() => scan(scanner, 1)),
      ]);
      const { state, nextCheckAtMs } = await broker.getTransaction(id);
      expect(nextCheckAtMs).toBeUndefined();
      outcomes.add(state);
      expect([committed, rolledBack], `turn ${turn}`).toEqual([state, state]);
      expect(await receivedTexts(broker, "billing"), `turn ${turn}`).toEqual(state === "COMMITTED" ? ["paid"] : []);
      pass(2 * CHECK_INTERVAL_MS);
      await scan(broker, 1);
      expect(await timers(items), `turn ${turn}`).toEqual([]);
      expect(await broker.receiveChecks("pay", CHECKS), `turn ${turn}`).toEqual([]);
    }
    expect(outcomes.size, [...outcomes].join()).toBeGreaterThanOrEqual(2);
  });
});
