import { describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { AskProducer } from "../../../core/transaction/ask-producer.ts";
import {
  CHECK_INTERVAL_MS,
  ENDED_TRANSACTION_LIFE_MS,
  MAX_CHECKS_DEFAULT,
} from "../../../core/transaction/transaction-limits.ts";
import { brokerOverTable, receivedTexts } from "../../support/broker/broker-over-table.ts";

const CHECK_AFTER_MS = 6_000;
const ENDPOINT = { url: "https://example.com/checks" };

async function setUp(askProducer?: AskProducer) {
  const table = brokerOverTable();
  const broker = await table.process(undefined, undefined, { askProducer });
  await broker.putTopic("orders", { type: "TRANSACTION" });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const prepare = async (text = "paid", producerGroup = "pay"): Promise<string> => {
    const options = { producerGroup, checkAfterMs: CHECK_AFTER_MS };
    return (await broker.sendHalfMessage("orders", { body: Buffer.from(text) }, options)).transactionId;
  };
  /** Lets time pass, and does what is due then. */
  const later = async (ms: number) => {
    table.pass(ms);
    await broker.scan({ untilMs: table.clock.nowMs() + 1 });
  };
  const checkNumbers = async (producerGroup = "pay") => {
    const checks = await broker.receiveChecks(producerGroup, { max: 32, maxBytes: 1e6, waitMs: 0 });
    return checks.map(({ checkNumber }) => checkNumber);
  };
  /** Until nobody is asked any more. */
  const discard = async (): Promise<number[]> => {
    const numbers: number[] = [];
    for (let round = 0; round <= MAX_CHECKS_DEFAULT + 3; round++) {
      await later(CHECK_INTERVAL_MS);
      numbers.push(...(await checkNumbers()));
    }
    return numbers;
  };
  return { ...table, broker, prepare, later, checkNumbers, discard };
}

const state = async (broker: RunningBroker, id: string) => (await broker.getTransaction(id)).state;
const ended = (state: string) => ({ code: "TRANSACTION_ENDED", members: { state } });

describe("a transaction that nobody ends", () => {
  it("is checked when it said, then every 30 seconds, 15 times, and discarded after another", async () => {
    const { broker, prepare, later, checkNumbers } = await setUp();
    const id = await prepare();
    await later(CHECK_AFTER_MS - 2);
    expect(await checkNumbers()).toEqual([]);
    await later(1);
    await later(1);
    expect(await checkNumbers()).toEqual([1]);
    for (let number = 2; number <= MAX_CHECKS_DEFAULT; number++) {
      await later(CHECK_INTERVAL_MS - 1_000);
      expect(await checkNumbers()).toEqual([]);
      await later(1_000);
      expect(await checkNumbers()).toEqual([number]);
    }
    await later(CHECK_INTERVAL_MS - 1_000);
    expect(await state(broker, id)).toBe("PREPARED");
    await later(1_000);
    expect(await checkNumbers()).toEqual([]);
    expect(await broker.getTransaction(id)).toMatchObject({ state: "DISCARDED", checks: 15, nextCheckAtMs: undefined });
    expect((await broker.listTransactions({ limit: 10, state: "DISCARDED" })).items).toMatchObject([{ id }]);
    expect(await receivedTexts(broker, "billing")).toEqual([]);
  });

  it("is asked about as often as its producer group says", async () => {
    const { broker, prepare, discard } = await setUp();
    await broker.putProducerGroup("pay", { maxChecks: 2 });
    const id = await prepare();
    expect(await discard()).toEqual([1, 2]);
    expect(await state(broker, id)).toBe("DISCARDED");
  });

  it("waits with its latest check alone, for an hour", async () => {
    const { broker, prepare, later, checkNumbers, pass } = await setUp();
    const id = await prepare();
    for (let check = 0; check < 3; check++) await later(CHECK_INTERVAL_MS);
    expect(await checkNumbers()).toEqual([3]);
    await later(CHECK_INTERVAL_MS);
    pass(3_601_000);
    expect(await checkNumbers()).toEqual([]);
    expect(await state(broker, id)).toBe("PREPARED");
  });

  it("may be committed when it was discarded, by one who says so, once", async () => {
    const { broker, prepare, discard } = await setUp();
    const id = await prepare();
    await discard();
    await expect(broker.endTransaction(id, "commit")).rejects.toMatchObject(ended("DISCARDED"));
    await expect(broker.endTransaction(id, "rollback")).rejects.toMatchObject(ended("DISCARDED"));
    const committed = await broker.endTransaction(id, "commit", { discarded: true });
    expect(committed).toMatchObject({ state: "COMMITTED", offset: 0 });
    expect(await broker.endTransaction(id, "commit", { discarded: true })).toEqual(committed);
    expect(await broker.endTransaction(id, "commit")).toEqual(committed);
    await expect(broker.endTransaction(id, "rollback", { discarded: true })).rejects.toMatchObject(ended("COMMITTED"));
    expect(await receivedTexts(broker, "billing")).toEqual(["paid"]);
  });

  it("may be rolled back when it was discarded", async () => {
    const { broker, prepare, discard } = await setUp();
    const id = await prepare();
    await discard();
    expect(await broker.endTransaction(id, "rollback", { discarded: true })).toMatchObject({ state: "ROLLED_BACK" });
    await expect(broker.endTransaction(id, "commit", { discarded: true })).rejects.toMatchObject(ended("ROLLED_BACK"));
    expect(await receivedTexts(broker, "billing")).toEqual([]);
  });
});

describe("a transaction that ended", () => {
  it("answers alike for a day, and is unknown then", async () => {
    const { broker, prepare, pass, later } = await setUp();
    const committed = await broker.endTransaction(await prepare(), "commit");
    const rolledBack = await broker.endTransaction(await prepare(), "rollback");
    pass(ENDED_TRANSACTION_LIFE_MS - 1_000);
    expect(await broker.endTransaction(committed.id, "commit")).toEqual(committed);
    expect(await broker.getTransaction(rolledBack.id)).toEqual(rolledBack);
    await later(3_000);
    for (const { id } of [committed, rolledBack]) {
      await expect(broker.endTransaction(id, "commit")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(broker.endTransaction(id, "rollback")).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect((await broker.listTransactions({ limit: 10 })).items).toEqual([]);
    expect(await receivedTexts(broker, "billing")).toEqual(["paid"]);
  });

  it("leaves nothing to check, also when its check falls due after it was forgotten", async () => {
    const { broker, prepare, later, pass, items } = await setUp();
    const timers = async () => {
      const pages = await Promise.all([0, 1, 2, 3].map((shard) => items.query({ pk: `t#${shard}`, limit: 10 })));
      return pages.flatMap((page) => page.items).length;
    };
    await broker.endTransaction(await prepare(), "commit");
    await broker.endTransaction(await prepare(), "rollback");
    expect(await timers()).toBe(2);
    await later(CHECK_AFTER_MS);
    expect(await timers()).toBe(0);
    const { id } = await broker.endTransaction(await prepare(), "rollback");
    pass(ENDED_TRANSACTION_LIFE_MS + 1_000);
    // As the table does in its time.
    for (let shard = 0; shard < 8; shard++) await items.delete({ pk: `x#${shard}`, sk: id });
    await later(0);
    expect(await timers()).toBe(0);
  });
});

describe("a producer group with an endpoint", () => {
  const asking = async (ask: AskProducer) => {
    const set = await setUp(ask);
    await set.broker.putProducerGroup("pay", ENDPOINT);
    return set;
  };

  it("is asked there, and what it answers is done", async () => {
    const asked: string[] = [];
    const answers = ["unknown", "commit", "unknown", "rollback"] as const;
    const { broker, prepare, later } = await asking(async ({ checkNumber, message }, endpoint) => {
      expect(endpoint).toEqual({ url: ENDPOINT.url, secret: expect.any(Uint8Array) });
      const text = Buffer.from(message.body).toString();
      return { resolution: answers[asked.push(`${text} ${checkNumber}`) - 1] ?? "unknown" };
    });
    for (const [text, outcome] of [
      ["first", "COMMITTED"],
      ["second", "ROLLED_BACK"],
    ] as const) {
      const id = await prepare(text);
      await later(CHECK_AFTER_MS);
      expect(await state(broker, id)).toBe("PREPARED");
      await later(CHECK_INTERVAL_MS);
      expect(await state(broker, id)).toBe(outcome);
    }
    expect(asked).toEqual(["first 1", "first 2", "second 1", "second 2"]);
    expect(await receivedTexts(broker, "billing")).toEqual(["first"]);
  });

  it("that gives no answer is asked again, and why is shown", async () => {
    const answers = [{ failure: "The endpoint answered 500." }, { resolution: "unknown" }] as const;
    let asked = 0;
    const { broker, prepare, later, checkNumbers } = await asking(async () => answers[asked++] ?? { resolution: "commit" });
    const id = await prepare();
    await later(CHECK_AFTER_MS);
    expect(await broker.getTransaction(id)).toMatchObject({ state: "PREPARED", checkFailure: "The endpoint answered 500." });
    // Its producers may still receive the check themselves.
    expect(await checkNumbers()).toEqual([1]);
    await later(CHECK_INTERVAL_MS);
    expect(await broker.getTransaction(id)).toMatchObject({ state: "PREPARED", checkFailure: undefined });
    await later(CHECK_INTERVAL_MS);
    expect(await broker.getTransaction(id)).toMatchObject({ state: "COMMITTED", checks: 3 });
    expect(await checkNumbers()).toEqual([]);
  });

  it("whose verdict cannot be carried out learns it in the list", async () => {
    const { broker, prepare, later, failures } = await asking(async () => ({ resolution: "commit" }));
    const id = await prepare();
    await broker.deleteTopic("orders", { dryRun: false });
    await later(CHECK_AFTER_MS);
    expect(await broker.getTransaction(id)).toMatchObject({
      state: "PREPARED",
      checkFailure: "Topic 'orders' was deleted since. The transaction can only be rolled back.",
    });
    expect(failures).toEqual([]);
  });

  it("does not stop the others by what goes wrong inside", async () => {
    let asked = 0;
    const { broker, prepare, later, failures } = await asking(async () => {
      if (asked++ === 0) throw new RangeError("a secret of no length");
      return { resolution: "commit" };
    });
    await prepare("first");
    await prepare("second");
    await later(CHECK_AFTER_MS);
    expect(failures).toEqual([expect.any(RangeError)]);
    await later(CHECK_INTERVAL_MS);
    expect((await receivedTexts(broker, "billing")).sort()).toEqual(["first", "second"]);
  });
});

describe("a receive of checks", () => {
  it("takes the oldest transactions first, and no more than a reply holds", async () => {
    const { broker, prepare, later, pass } = await setUp();
    const ids: string[] = [];
    for (const text of ["a".repeat(600), "b".repeat(600), "c"]) {
      ids.push(await prepare(text));
      pass(1);
    }
    await prepare("elsewhere", "others");
    await later(CHECK_AFTER_MS);
    const take = async (max: number) => {
      const checks = await broker.receiveChecks("pay", { max, maxBytes: 1_000, waitMs: 0 });
      return checks.map(({ transactionId }) => transactionId);
    };
    expect(await take(32)).toEqual([ids[0]]);
    expect(await take(1)).toEqual([ids[1]]);
    expect(await take(32)).toEqual([ids[2]]);
    expect(await take(32)).toEqual([]);
  });

  it("looks behind any number of checks whose transactions ended", async () => {
    const { broker, prepare, later, checkNumbers } = await setUp();
    const ids: string[] = [];
    for (let index = 0; index < 100; index++) ids.push(await prepare());
    await later(CHECK_AFTER_MS);
    for (const id of ids.slice(0, -1)) await broker.endTransaction(id, "rollback");
    expect(await checkNumbers()).toEqual([1]);
    expect(await checkNumbers()).toEqual([]);
  });

  /** 300 checks of transactions that ended meanwhile, and the calls that a receive of one makes. */
  const manyEnded = async () => {
    const { items, process, ...rest } = await setUp();
    for (let index = 0; index < 300; index++) await rest.prepare();
    await rest.later(CHECK_AFTER_MS);
    for (const { id } of (await rest.broker.listTransactions({ limit: 300 })).items)
      await rest.broker.endTransaction(id, "rollback");
    const calls = { reads: 0, deletes: 0, deletesAtOnce: 0, most: 0 };
    let onRead = (): void => undefined;
    const store = new Proxy(items, {
      get: (target, name: keyof typeof items) => {
        if (name === "delete")
          return async (...of: Parameters<typeof items.delete>) => {
            calls.deletes++;
            calls.most = Math.max(calls.most, ++calls.deletesAtOnce);
            await new Promise((resolve) => setImmediate(resolve));
            return target.delete(...of).finally(() => calls.deletesAtOnce--);
          };
        if (name === "query" || name === "batchGet") {
          calls.reads++;
          onRead();
        }
        return target[name].bind(target);
      },
    });
    const receiver = await process(store);
    calls.reads = 0;
    const hear = (hearer: () => void): void => {
      onRead = hearer;
    };
    return { ...rest, receiver, calls, hear };
  };
  const ONE = { max: 1, maxBytes: 1e6, waitMs: 0 };

  it("of one looks through those of transactions that ended in few calls", async () => {
    const { receiver, calls, prepare, later } = await manyEnded();
    const id = await prepare();
    await later(CHECK_AFTER_MS);
    expect((await receiver.receiveChecks("pay", ONE)).map(({ transactionId }) => transactionId)).toEqual([id]);
    expect(calls.reads).toBeLessThanOrEqual(8);
    expect(calls.deletes).toBe(301);
    expect(calls.most).toBe(16);
  });

  it("takes no longer than a moment where it does not wait", async () => {
    const { receiver, calls, pass, hear } = await manyEnded();
    hear(() => void pass(400));
    expect(await receiver.receiveChecks("pay", ONE)).toEqual([]);
    expect(calls.reads).toBeLessThanOrEqual(4);
  });

  it("ends when its client has gone, and takes nothing then", async () => {
    const { receiver, calls, hear, prepare, later, checkNumbers } = await manyEnded();
    await prepare();
    await later(CHECK_AFTER_MS);
    const gone = new AbortController();
    hear(() => gone.abort());
    expect(await receiver.receiveChecks("pay", { ...ONE, waitMs: 20_000 }, gone.signal)).toEqual([]);
    expect(calls.reads).toBe(2);
    expect(await checkNumbers()).toEqual([1]);
  });
});
