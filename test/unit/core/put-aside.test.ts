import { describe, expect, it } from "vitest";
import { type BrokerSettings, SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { blockKey, progressKey } from "../../../core/keys.ts";
import { StoreUnavailable } from "../../../core/ports/store-failures.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;

interface Setting {
  readonly type?: "FIFO";
  readonly filter?: string;
  readonly settings?: BrokerSettings;
  readonly maxAttempts?: number;
}

/** One queue that one group reads; what is `L` is large and lies in an object of its own. */
async function setUp({ type, filter, settings = SHARED_STORE, maxAttempts = 17 }: Setting = {}) {
  const table = brokerOverTable(settings);
  const broker = await table.process();
  let newest = broker;
  await broker.putTopic("orders", { queues: 1, ...(type && { type }) });
  await broker.putGroup("billing", { leaseSeconds: LEASE_MS / 1_000, maxAttempts });
  const tags = filter === undefined ? undefined : ({ type: "TAG", expression: filter } as const);
  await broker.putSubscription("billing", "orders", { startFrom: "earliest", filter: tags });
  return {
    ...table,
    broker,
    process: async () => {
      newest = await table.process();
      return newest;
    },
    /** By the newest process: where there is only one at a time, the others have ended. */
    send: async (texts: string, messageGroup?: string) => {
      for (const [index, text] of [...texts].entries()) {
        const body = text === "L" ? new SeededRandom(index + 1).bytes(20_000) : Buffer.from(text);
        const [result] = await newest.sendMessages("orders", [{ body, tag: "wanted", messageGroup }]);
        expect(result).not.toBeInstanceOf(Error);
      }
    },
    loseObjects: async () => {
      for (const key of table.objects.keys("log/")) table.objects.lose(key);
    },
    damageBlock: async (base: number) => table.items.damage(blockKey((await broker.getTopic("orders")).uid, 0, base)),
  };
}

const receive = (broker: RunningBroker, max = 32, attemptId?: string) =>
  broker.receiveMessages("billing", { max, waitMs: 0, attemptId });
const texts = (messages: readonly ReceivedMessage[]): string =>
  messages.map(({ body }) => (body.length > 1_000 ? "L" : Buffer.from(body).toString())).join("");
const ack = async (broker: RunningBroker, messages: readonly ReceivedMessage[]) => {
  const entries = messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const);
  for (const { status } of await broker.settleMessages("billing", entries)) expect(status).toBe("acked");
};

/** Everything the group gets, acked as it comes. */
async function drained(broker: RunningBroker): Promise<string> {
  let all = "";
  for (;;) {
    const messages = await receive(broker);
    if (messages.length === 0) return all;
    all += texts(messages);
    await ack(broker, messages);
  }
}

const putAside = async (broker: RunningBroker) =>
  (await broker.listUnreadable("billing", { limit: 100 })).items.map(
    ({ topic, queueId, offset }) => `${topic}/${queueId}/${offset}`,
  );
const counts = async (broker: RunningBroker) => {
  const [queue] = (await broker.groupLag("billing")).items.flatMap(({ queues }) => queues);
  return { lag: queue?.lag, inFlight: queue?.inFlight, unreadable: queue?.unreadable };
};
const SETTLED = { lag: 0, inFlight: 0 };

describe("a message whose object is lost", () => {
  for (const [name, setting] of [
    ["a plain group", {}],
    ["a group with a filter", { filter: "wanted" }],
    ["a process alone on its store", { settings: SOLE_PROCESS }],
  ] as const) {
    it(`stops nothing of ${name}, and is listed and counted`, async () => {
      const { send, loseObjects, process } = await setUp(setting);
      await send("abLcdLe");
      await loseObjects();
      const broker = await process();
      expect(await drained(broker)).toBe("abcde");
      expect(await putAside(broker)).toEqual(["orders/0/2", "orders/0/5"]);
      const [first] = (await broker.listUnreadable("billing", { limit: 1 })).items;
      expect(first?.reason).toMatch(/gone/);
      expect(await counts(broker)).toEqual({ ...SETTLED, unreadable: 2 });
      await send("f");
      expect(await drained(broker)).toBe("f");
    });
  }

  it("is put aside once, however often it was delivered before", async () => {
    const { send, broker, loseObjects, process, pass } = await setUp();
    await send("aLb");
    expect(texts(await receive(broker))).toBe("aLb");
    await loseObjects();
    const other = await process();
    pass(LEASE_MS + 2_000);
    expect(await drained(other)).toBe("ab");
    expect(await putAside(other)).toEqual(["orders/0/1"]);
    expect(await counts(other)).toEqual({ ...SETTLED, unreadable: 1 });
  });

  it("is counted, though another process put one aside meanwhile", async () => {
    const { broker, send, loseObjects, process, pass } = await setUp({ settings: SOLE_PROCESS });
    const leaseMs = 1_000;
    await send("L");
    await broker.receiveMessages("billing", { max: 1, waitMs: 0, leaseMs });
    // What this process saw then is what it goes ahead on when the lease ends.
    const one = await process();
    expect(await receive(one)).toEqual([]);
    await send("L");
    await loseObjects();
    expect(await receive(await process())).toEqual([]);
    expect(await counts(broker)).toEqual({ lag: 1, inFlight: 1, unreadable: 1 });
    pass(leaseMs);
    expect(await receive(one)).toEqual([]);
    expect(await putAside(broker)).toEqual(["orders/0/0", "orders/0/1"]);
    expect(await counts(broker)).toEqual({ ...SETTLED, unreadable: 2 });
  });

  it("keeps none of those taken with it from the consumer, though it cannot be put aside now", async () => {
    const { send, items, loseObjects, process, pass } = await setUp();
    await send("aLb");
    await loseObjects();
    const broker = await process();
    const transact = items.transact.bind(items);
    items.transact = async () => {
      items.transact = transact;
      throw new StoreUnavailable("unknown", "unavailable", "the reply was lost");
    };
    const messages = await receive(broker);
    expect(texts(messages)).toBe("ab");
    await ack(broker, messages);
    expect(await putAside(broker)).toEqual([]);
    pass(LEASE_MS + 2_000);
    expect(await drained(broker)).toBe("");
    expect(await counts(broker)).toEqual({ ...SETTLED, unreadable: 1 });
  });

  it("keeps none of those beside it from the dead letters", async () => {
    const { send, broker, loseObjects, process, pass } = await setUp({ maxAttempts: 1 });
    await send("aLb");
    await receive(broker);
    await loseObjects();
    const other = await process();
    pass(LEASE_MS + 2_000);
    expect(await receive(other)).toEqual([]);
    const { items } = await other.listDeadLetters("billing", { limit: 10, maxBytes: 1_000_000 });
    expect(items.map(({ body }) => Buffer.from(body).toString())).toEqual(["a", "b"]);
    expect(await counts(other)).toEqual({ ...SETTLED, unreadable: 1 });
  });

  it("can be acked by who had it before, but not dead-lettered", async () => {
    const { send, broker, loseObjects, process } = await setUp();
    await send("L");
    const [message] = await receive(broker);
    const receiptHandle = message?.receiptHandle as string;
    await loseObjects();
    const other = await process();
    const [refused] = await other.settleMessages("billing", [{ action: "deadLetter", receiptHandle }]);
    expect(refused).toMatchObject({ status: "error", error: { code: "STORE_CORRUPT", effect: "none" } });
    const [acked] = await other.settleMessages("billing", [{ action: "ack", receiptHandle }]);
    expect(acked?.status).toBe("acked");
  });

  it("comes again when its object is back and the offset is reset", async () => {
    const { send, objects, loseObjects, process } = await setUp();
    await send("aLb");
    const [key] = objects.keys("log/") as [string];
    const bytes = (await objects.getRange(key, 0, 2 ** 24)) as Uint8Array;
    await loseObjects();
    const broker = await process();
    expect(await drained(broker)).toBe("ab");
    await objects.put(key, bytes);
    await broker.resetOffsets("billing", { topic: "orders", to: { offset: 1 }, dryRun: false });
    expect(await drained(broker)).toBe("Lb");
  });
});

describe("in order, a message that cannot be read", () => {
  it("holds up neither its message group nor others, new or given back", async () => {
    const { send, broker, loseObjects, process, pass } = await setUp({ type: "FIFO" });
    await send("aLb", "x");
    await send("cd", "y");
    const [a] = await receive(broker, 1);
    await broker.settleMessages("billing", [{ action: "nack", receiptHandle: a?.receiptHandle as string, delayMs: 5_000 }]);
    await receive(broker, 1);
    await loseObjects();
    const other = await process();
    pass(LEASE_MS + 8_000);
    expect([...(await drained(other))].sort().join("")).toBe("abcd");
    expect(await putAside(other)).toEqual(["orders/0/1"]);
    expect(await counts(other)).toEqual({ ...SETTLED, unreadable: 1 });
  });

  it("is put aside as the head that failed, and what waits behind it comes", async () => {
    const { send, broker, loseObjects, process, pass } = await setUp({ type: "FIFO" });
    await send("Lab", "x");
    const [head] = await receive(broker, 1);
    await broker.settleMessages("billing", [{ action: "nack", receiptHandle: head?.receiptHandle as string, delayMs: HOUR_MS }]);
    expect(await receive(broker)).toEqual([]);
    await loseObjects();
    const other = await process();
    pass(HOUR_MS);
    expect(await drained(other)).toBe("ab");
    expect(await counts(other)).toEqual({ ...SETTLED, unreadable: 1 });
  });
});

describe("a damaged block", () => {
  for (const setting of [{}, { filter: "wanted" }, { type: "FIFO" }] as const) {
    it(`stops nothing in front of it or behind it: ${JSON.stringify(setting)}`, async () => {
      const { send, damageBlock, process } = await setUp(setting);
      await send("abcd", "type" in setting ? "x" : undefined);
      await damageBlock(1);
      const broker = await process();
      expect(await drained(broker)).toBe("acd");
      expect(await putAside(broker)).toEqual(["orders/0/1"]);
      expect(await counts(broker)).toEqual({ ...SETTLED, unreadable: 1 });
    });
  }
});

describe("a progress item", () => {
  it.each(["garbled", "that says what no write leaves"])("%s is answered so, and replaced by a reset", async (how) => {
    const { send, items, process } = await setUp();
    await send("ab");
    const broker = await process();
    const { uid } = await broker.getSubscription("billing", "orders");
    const [before] = await receive(broker, 1);
    const key = progressKey(uid, 0);
    if (how === "garbled") items.damage(key);
    else await items.update(key, [{ op: "set", name: "n", value: 0 }]);
    const other = await process();
    await expect(receive(other)).rejects.toMatchObject({ code: "STORE_CORRUPT", retryable: false });
    await other.resetOffsets("billing", { topic: "orders", to: "earliest", dryRun: false });
    const [late] = await other.settleMessages("billing", [{ action: "ack", receiptHandle: before?.receiptHandle as string }]);
    expect(late?.status).toBe("error");
    expect(await drained(other)).toBe("ab");
  });
});
