import { beforeEach, describe, expect, it } from "vitest";
import { type BrokerSettings, SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { progressKey } from "../../../core/keys.ts";
import type { Item } from "../../../core/ports/item-store.ts";
import { claimId } from "../../../core/progress/progress.ts";
import type { SettleEntry, SettleResult } from "../../../core/requests.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const LEASE_MS = 30_000;

let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(() => setUp());

async function setUp(
  topic: { type?: "FIFO"; retentionHours?: number } = {},
  group: { maxAttempts?: number } = {},
  settings: BrokerSettings = SOLE_PROCESS,
) {
  table = brokerOverTable(settings);
  broker = await table.process();
  await broker.putTopic("orders", { queues: 1, ...topic });
  await broker.putGroup("billing", { leaseSeconds: LEASE_MS / 1_000, ...group });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
}

const send = (texts: string, messageGroup?: string) =>
  broker.sendMessages(
    "orders",
    [...texts].map((text) => ({ body: Buffer.from(text), messageGroup })),
  );
const receive = (options: { max?: number; attemptId?: string; maxBytes?: number } = {}, by = broker) =>
  by.receiveMessages("billing", { max: 32, waitMs: 0, ...options });
const textOf = ({ body }: ReceivedMessage): string => Buffer.from(body).toString();
const texts = (messages: readonly ReceivedMessage[]): string => messages.map(textOf).join("");
const settle = async (entries: readonly SettleEntry[], by = broker) =>
  (await by.settleMessages("billing", entries)).map(outcomeOf);
const outcomeOf = (result: SettleResult): string => (result.status === "error" ? result.error.code : result.status);
const each = (action: "ack" | "nack", messages: readonly ReceivedMessage[], delayMs = 0): SettleEntry[] =>
  messages.map(({ receiptHandle }) => (action === "ack" ? { action, receiptHandle } : { action, receiptHandle, delayMs }));
async function progressItem(): Promise<Item> {
  const { subscription } = await only();
  return (await table.items.get(progressKey(subscription, 0))) as Item;
}
async function only(): Promise<{ subscription: string }> {
  const { uid } = await broker.getSubscription("billing", "orders");
  return { subscription: uid };
}

describe("a repeated settle", () => {
  it("touches no later delivery, though the same attemptId took it from the same claim", async () => {
    await send("abc");
    await settle(each("nack", await receive()));
    const a = await receive({ max: 1, attemptId: "consumer-1" });
    expect(await settle(each("ack", a))).toEqual(["acked"]);
    const b = await receive({ max: 1, attemptId: "consumer-1" });
    expect(texts(b)).toBe("b");
    expect(await settle(each("ack", a))).toEqual(["acked"]);
    table.pass(LEASE_MS);
    expect(texts(await receive())).toBe("bc");
  });

  it("takes nothing from whoever has the message by now", async () => {
    await send("ab");
    const first = await receive();
    table.pass(LEASE_MS);
    const second = await receive();
    for (const action of ["ack", "nack"] as const)
      expect(await settle(each(action, first))).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    expect(await receive()).toEqual([]);
    expect(await settle(each("ack", second))).toEqual(["acked", "acked"]);
  });

  it("of a nack changes nothing once the message is out again", async () => {
    await send("a");
    const first = await receive();
    expect(await settle(each("nack", first))).toEqual(["nacked"]);
    expect(await settle(each("nack", first, 5_000))).toEqual(["nacked"]);
    const second = await receive();
    expect(texts(second)).toBe("a");
    expect(await settle(each("nack", first))).toEqual(["LEASE_LOST"]);
    expect(await settle(each("ack", second))).toEqual(["acked"]);
  });

  it("dead-letters nothing that was acked, nor gives back what is behind it", async () => {
    await setUp({ type: "FIFO" }, { maxAttempts: 1 });
    await send("abc", "order-1");
    const [a, b, c] = await receive();
    expect(await settle(each("ack", [a as ReceivedMessage]))).toEqual(["acked"]);
    expect(await settle(each("nack", [a as ReceivedMessage]))).toEqual(["LEASE_LOST"]);
    expect((await broker.listDeadLetters("billing", { limit: 10, maxBytes: 1_000 })).items).toEqual([]);
    expect(await receive()).toEqual([]);
    expect(await settle(each("ack", [b, c] as ReceivedMessage[]))).toEqual(["acked", "acked"]);
  });
});

describe("a handle of a subscription that was just made", () => {
  it("settles also where the group's subscriptions were read before", async () => {
    const other = await table.process();
    await broker.putTopic("returns", { queues: 1 });
    await receive({}, other);
    await broker.putSubscription("billing", "returns", { startFrom: "earliest" });
    await broker.sendMessages("returns", [{ body: Buffer.from("r") }]);
    const messages = await receive();
    expect(texts(messages)).toBe("r");
    expect(await settle(each("ack", messages), other)).toEqual(["acked"]);
  });
});

describe("an extend", () => {
  const extend = async (message: ReceivedMessage | undefined, leaseMs = LEASE_MS) => {
    const entry: SettleEntry = { action: "extend", receiptHandle: message?.receiptHandle as string, leaseMs };
    const [result] = await broker.settleMessages("billing", [entry]);
    return result?.status === "extended" ? result.leaseUntilMs - table.clock.nowMs() : result && outcomeOf(result);
  };

  it("of a part by the first handle is true every time, and the handle goes on settling", async () => {
    await send("abc");
    const messages = await receive();
    for (let beat = 0; beat < 5; beat++) {
      table.pass(LEASE_MS / 2);
      for (const message of messages) expect(await extend(message)).toBeGreaterThanOrEqual(LEASE_MS);
    }
    expect(await receive()).toEqual([]);
    const [a, b, c] = messages as [ReceivedMessage, ReceivedMessage, ReceivedMessage];
    expect(
      await settle([...each("ack", [a]), ...each("nack", [b]), { action: "deadLetter", receiptHandle: c.receiptHandle }]),
    ).toEqual(["acked", "nacked", "deadLettered"]);
    expect(texts(await receive())).toBe("b");
    expect(
      (await broker.listDeadLetters("billing", { limit: 10, maxBytes: 1_000 })).items.map(({ body }) =>
        String(Buffer.from(body)),
      ),
    ).toEqual(["c"]);
  });

  it("keeps what was extended, and lets go of the rest", async () => {
    await send("abc");
    const [a] = await receive();
    await extend(a, 3 * LEASE_MS);
    table.pass(2 * LEASE_MS);
    expect(texts(await receive())).toBe("bc");
    expect(await settle(each("ack", [a as ReceivedMessage]))).toEqual(["acked"]);
  });

  it("never shortens", async () => {
    await send("ab");
    const [a, b] = await receive();
    await extend(a, 3 * LEASE_MS);
    expect(await extend(a, 1_000)).toBeGreaterThanOrEqual(3 * LEASE_MS);
    expect(await extend(b, 1_000)).toBe(LEASE_MS);
  });

  it("of many one by one takes few claims", async () => {
    await send("x".repeat(32));
    const messages = await receive();
    for (const message of messages) {
      table.pass(10);
      await extend(message);
    }
    const claims = Object.keys(await progressItem()).filter((name) => /^o.{4}$/.test(name));
    expect(claims.length).toBeLessThanOrEqual(4);
    expect(await settle(each("ack", messages))).toEqual(Array(32).fill("acked"));
  });

  it("keeps its messages, though another process acks what was extended with them", async () => {
    await send("abc");
    const other = await table.process();
    const [a, b] = await receive();
    await extend(a);
    // The other process has seen the claim of the part as it is now, with one message.
    expect(await receive({}, other)).toEqual([]);
    await extend(b);
    expect(await settle(each("ack", [a as ReceivedMessage]), other)).toEqual(["acked"]);
    table.pass(2 * LEASE_MS);
    expect(
      texts(await receive())
        .split("")
        .sort()
        .join(""),
    ).toBe("bc");
  });

  it("leaves the first handle good for a dead letter, also where a process has not seen it", async () => {
    await send("ab");
    const [a] = await receive();
    await extend(a, 2 * LEASE_MS);
    const entry: SettleEntry = { action: "deadLetter", receiptHandle: a?.receiptHandle as string };
    expect(await settle([entry], await table.process())).toEqual(["deadLettered"]);
  });

  it("brings nothing back that was acked, though the process has not seen the ack", async () => {
    await send("abc");
    const other = await table.process();
    const [a] = await receive();
    expect(await receive({}, other)).toEqual([]);
    expect(await settle(each("ack", [a as ReceivedMessage]))).toEqual(["acked"]);
    const entry: SettleEntry = { action: "extend", receiptHandle: a?.receiptHandle as string, leaseMs: LEASE_MS };
    expect(await settle([entry], other)).toEqual(["LEASE_LOST"]);
    table.pass(2 * LEASE_MS);
    expect(texts(await receive())).toBe("bc");
  });

  it("works whichever claim ids are taken", async () => {
    await send("ab");
    const [a] = await receive();
    const item = await progressItem();
    const id = Object.keys(item)
      .find((name) => /^o.{4}$/.test(name))
      ?.slice(1) as string;
    const nonce = String(item[`m${id}`]).slice(0, 10);
    const taken = claimId(`${nonce}/0`, (other) => other === id);
    await table.items.put({ ...item, [`f${taken}`]: 7, [`m${taken}`]: item[`m${id}`] as string });
    const other = await table.process();
    const [result] = await other.settleMessages("billing", [
      { action: "extend", receiptHandle: a?.receiptHandle as string, leaseMs: LEASE_MS },
    ]);
    expect(result?.status).toBe("extended");
  });
});

describe("a receive that is repeated under its attemptId", () => {
  const held = () => {
    let release = (): void => undefined;
    const blocked = new Promise<void>((resolve) => {
      release = resolve;
    });
    const getRange = table.objects.getRange.bind(table.objects);
    table.objects.getRange = async (...range) => {
      await blocked;
      return getRange(...range);
    };
    return release;
  };
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  for (const [name, settings] of [
    ["in one process", SOLE_PROCESS],
    ["of many handlers", SHARED_STORE],
  ] as const) {
    it(`keeps what it was answered with, though the first still runs and its caller is gone: ${name}`, async () => {
      await setUp({}, {}, settings);
      await broker.sendMessages("orders", [{ body: new SeededRandom(7).bytes(20_000) }]);
      const release = held();
      const gone = new AbortController();
      const first = broker.receiveMessages("billing", { max: 1, waitMs: 10_000, attemptId: "attempt-1" }, gone.signal);
      await turns();
      gone.abort();
      const other = await table.process();
      const second = other.receiveMessages("billing", { max: 1, waitMs: 10_000, attemptId: "attempt-1" });
      await turns();
      release();
      const messages = await second;
      expect(await first).toEqual([]);
      expect(messages).toHaveLength(1);
      expect(await receive()).toEqual([]);
      expect(await settle(each("ack", messages))).toEqual(["acked"]);
    });
  }

  it("keeps what the first had no room for", async () => {
    await setUp({}, {}, SHARED_STORE);
    for (let seed = 1; seed <= 3; seed++) await broker.sendMessages("orders", [{ body: new SeededRandom(seed).bytes(15_000) }]);
    const release = held();
    const first = receive({ attemptId: "attempt-1", maxBytes: 20_000 });
    await turns();
    const second = receive({ attemptId: "attempt-1", maxBytes: 100_000 }, await table.process());
    await turns();
    release();
    const messages = await second;
    await first;
    expect(await settle(each("ack", messages))).toEqual(messages.map(() => "acked"));
  });

  it("answers alike until the messages are settled, and anew after that", async () => {
    await send("abcd");
    const first = await receive({ max: 2, attemptId: "attempt-1" });
    expect(await receive({ max: 2, attemptId: "attempt-1" })).toEqual(first);
    expect(await receive({ max: 2, attemptId: "attempt-1" })).toEqual(first);
    expect(texts(await receive({ max: 2, attemptId: "attempt-2" }))).toBe("cd");
    expect(await settle(each("ack", first))).toEqual(["acked", "acked"]);
    expect(await receive({ max: 2, attemptId: "attempt-1" })).toEqual([]);
  });

  it("leaves out what is acked while it looks", async () => {
    await setUp({}, {}, SHARED_STORE);
    await send("abc");
    const first = await receive({ attemptId: "attempt-1" });
    const other = await table.process();
    const update = table.items.update.bind(table.items);
    table.items.update = async (...call) => {
      table.items.update = update;
      expect(await settle(each("ack", first.slice(0, 1)))).toEqual(["acked"]);
      return update(...call);
    };
    expect(texts(await receive({ attemptId: "attempt-1" }, other))).toBe("bc");
  });

  it("does not count what was given back as held", async () => {
    await send("a");
    await settle(each("nack", await receive({ attemptId: "attempt-1" }), 5_000));
    expect(await receive({ attemptId: "attempt-1" })).toEqual([]);
    table.pass(5_000);
    expect((await receive({ attemptId: "attempt-1" })).map(({ attempt }) => attempt)).toEqual([2]);
  });
});

describe("messages given back one by one", () => {
  it("are all handed out, though one joins its sibling's claim while another process takes that", async () => {
    await setUp({}, {}, SHARED_STORE);
    await send("abc");
    const [a, b] = await receive();
    await settle(each("nack", [a as ReceivedMessage]));
    const update = table.items.update.bind(table.items);
    let joined = false;
    table.items.update = async (...call) => {
      if (!joined) {
        joined = true;
        expect(await settle(each("nack", [b as ReceivedMessage]))).toEqual(["nacked"]);
      }
      return update(...call);
    };
    const again = await receive({}, await table.process());
    expect(joined).toBe(true);
    expect(texts([...again, ...(await receive())])).toBe("ab");
  });
});

describe("where the clock steps back", () => {
  it("a lease ends in its time, and says when by the wall clock", async () => {
    await send("a");
    await receive();
    table.pass(-3_600_000);
    expect(await receive()).toEqual([]);
    table.pass(LEASE_MS);
    const [again] = await receive();
    expect(again?.attempt).toBe(2);
    expect(again?.leaseUntilMs).toBe(table.clock.nowMs() + LEASE_MS);
  });
});

describe("counters of what has expired", () => {
  it("leave out what a late ack settled", async () => {
    await setUp({ retentionHours: 1 });
    await send("ab");
    const messages = await receive();
    table.pass(26 * 3_600_000);
    const read = table.items.query.bind(table.items);
    // Of the queue: the claim was read before.
    table.items.query = async (query) => {
      if (!query.pk.startsWith("q#")) return read(query);
      table.items.query = read;
      await settle(each("ack", messages.slice(0, 1)));
      return read(query);
    };
    await receive({}, await table.process());
    expect((await progressItem()).ex).toBe(1);
  });
});
