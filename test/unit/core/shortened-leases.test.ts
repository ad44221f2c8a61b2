import { beforeEach, describe, expect, it } from "vitest";
import { type BrokerSettings, SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { SettleEntry, SettleResult } from "../../../core/requests.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const LEASE_MS = 60_000;

let clock: ManualClock;
let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(() => setUp());

async function setUp(
  topic: { type?: "FIFO" } = {},
  group: { maxAttempts?: number } = {},
  settings: BrokerSettings = SOLE_PROCESS,
): Promise<void> {
  clock = new ManualClock();
  table = brokerOverTable(settings);
  broker = await table.process(table.items, undefined, { clock });
  await broker.putTopic("orders", { queues: 1, ...topic });
  await broker.putGroup("billing", { leaseSeconds: LEASE_MS / 1_000, ...group });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
}

const send = (texts: string, messageGroup?: string) =>
  broker.sendMessages(
    "orders",
    [...texts].map((text) => ({ body: Buffer.from(text), messageGroup })),
  );
const receive = (options: { max?: number; waitMs?: number; leaseMs?: number; attemptId?: string } = {}, by = broker) =>
  by.receiveMessages("billing", { max: 32, waitMs: 0, ...options });
const textOf = ({ body }: ReceivedMessage): string => Buffer.from(body).toString();
const told = (messages: readonly ReceivedMessage[]): readonly string[] =>
  messages.map((message) => `${textOf(message)}${message.attempt}`);
const outcomeOf = (result: SettleResult): string => (result.status === "error" ? result.error.code : result.status);
const settle = async (entries: readonly SettleEntry[], by = broker) =>
  (await by.settleMessages("billing", entries)).map(outcomeOf);
const ack = (receiptHandle: string): SettleEntry => ({ action: "ack", receiptHandle });
const dead = async () =>
  (await broker.listDeadLetters("billing", { limit: 10, maxBytes: 10_000 })).items.map(({ body }) =>
    Buffer.from(body).toString(),
  );

interface Shortened {
  readonly old: string;
  readonly handle: string;
  readonly inMs: number;
}

async function shorten(message: ReceivedMessage | undefined, leaseMs: number, countAttempt?: boolean): Promise<Shortened> {
  const old = message?.receiptHandle as string;
  const [result] = await broker.settleMessages("billing", [
    { action: "extend", receiptHandle: old, leaseMs, mayShorten: true, countAttempt },
  ]);
  if (result?.status !== "extended") throw new Error(`not extended: ${JSON.stringify(result)}`);
  return { old, handle: result.newReceiptHandle, inMs: result.leaseUntilMs - clock.nowMs() };
}

describe("a lease that may be shortened", () => {
  it("ends at the time asked for, be that sooner or later than before", async () => {
    await send("a");
    const [first] = await receive();
    expect((await shorten(first, 2_000)).inMs).toBe(2_000);
    expect((await shorten(first, 10_000)).inMs).toBe(10_000);
    expect((await shorten(first, 3_000)).inMs).toBe(3_000);
    await clock.pass(2_999);
    expect(await receive()).toEqual([]);
    await clock.pass(1);
    expect(told(await receive())).toEqual(["a2"]);
  });

  it("of a part of a delivery ends at most 20 ms late, and the other messages keep theirs", async () => {
    await send("abc");
    const [a, b] = await receive();
    for (const message of [a, b]) {
      const { inMs } = await shorten(message, 30_000);
      expect(inMs).toBeGreaterThanOrEqual(30_000);
      expect(inMs).toBeLessThanOrEqual(30_020);
    }
    await clock.pass(29_999);
    expect(await receive()).toEqual([]);
    await clock.pass(21);
    expect(told(await receive())).toEqual(["a2", "b2"]);
    await clock.pass(LEASE_MS - 30_020);
    expect(told(await receive())).toEqual(["c2"]);
  });

  it.each([["whole", "a"] as const, ["part", "ab"] as const])(
    "leaves both handles good until it ends: of the %s",
    async (_, texts) => {
      for (const by of ["old", "handle"] as const) {
        await setUp();
        await send(texts);
        const [a] = await receive();
        const shortened = await shorten(a, 2_000);
        await clock.pass(1_900);
        expect(await settle([ack(shortened[by])])).toEqual(["acked"]);
        await clock.pass(2 * LEASE_MS);
        expect(told(await receive())).toEqual(texts === "ab" ? ["b2"] : []);
      }
    },
  );

  it("can be extended, given back and dead-lettered by", async () => {
    await send("abc");
    const [a, b, c] = await receive();
    await shorten(a, 1_000);
    const { handle } = await shorten(b, 1_000);
    await shorten(c, 1_000);
    expect(
      await settle([
        { action: "nack", receiptHandle: a?.receiptHandle as string, delayMs: 0 },
        { action: "extend", receiptHandle: handle, leaseMs: 5_000 },
        { action: "deadLetter", receiptHandle: c?.receiptHandle as string },
      ]),
    ).toEqual(["nacked", "extended", "deadLettered"]);
    expect(told(await receive())).toEqual(["a2"]);
    await clock.pass(4_999);
    expect(await receive()).toEqual([]);
    await clock.pass(61);
    expect(told(await receive())).toEqual(["b2"]);
    expect(await dead()).toEqual(["c"]);
  });

  it("belongs to the next consumer when it is over, whichever handle asks", async () => {
    await send("a");
    const [a] = await receive();
    const { old, handle } = await shorten(a, 2_000);
    await clock.pass(2_000);
    const [second] = await receive();
    expect(await settle([ack(old), ack(handle)])).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    expect(await settle([{ action: "extend", receiptHandle: old, leaseMs: 0, mayShorten: true }])).toEqual(["LEASE_LOST"]);
    expect(await settle([ack(second?.receiptHandle as string)])).toEqual(["acked"]);
    // What another consumer settled is not said to be settled by this one, though its first handle's time is not over.
    expect(await settle([ack(old), ack(handle)])).toEqual(["LEASE_LOST", "LEASE_LOST"]);
  });

  it("wakes who waits when it falls due", async () => {
    await send("a");
    const [a] = await receive();
    const startMs = clock.nowMs();
    let afterMs = 0;
    const waiting = receive({ waitMs: 20_000 }).then((messages) => {
      afterMs = clock.nowMs() - startMs;
      return messages;
    });
    await clock.pass(500);
    await shorten(a, 1_500);
    for (let step = 0; step < 20; step++) await clock.pass(100);
    expect(told(await waiting)).toEqual(["a2"]);
    expect(afterMs).toBe(2_000);
  });

  it("of no time gives the message back at once, and its handles are void", async () => {
    for (const texts of ["a", "ab"]) {
      await setUp();
      await send(texts);
      const [a] = await receive();
      const waiting = receive({ waitMs: 20_000, max: 1 });
      await clock.pass(0);
      const { old, handle, inMs } = await shorten(a, 0);
      expect(inMs).toBe(0);
      await clock.pass(1);
      expect(told(await waiting)).toEqual(["a2"]);
      expect(await settle([ack(old), ack(handle)])).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    }
  });

  it("may be asked for twice, with a lost reply in between", async () => {
    await send("ab");
    const [a] = await receive();
    await shorten(a, 0);
    await shorten(a, 0);
    expect(told(await receive())).toEqual(["a2"]);
  });

  it("dead-letters after the last attempt, once it is over", async () => {
    await setUp({}, { maxAttempts: 1 });
    await send("ab");
    const [a, b] = await receive();
    await shorten(a, 0);
    await shorten(b, 1_000);
    expect(await dead()).toEqual([]);
    await receive();
    expect(await dead()).toEqual(["a"]);
    await clock.pass(1_020);
    await receive();
    expect(await dead()).toEqual(["a", "b"]);
  });
});

describe("a lease that ends without counting", () => {
  it.each([0, 1_000])("is followed by the same attempt once more: of %i ms", async (leaseMs) => {
    await setUp({}, { maxAttempts: 2 });
    await send("ab");
    for (let turn = 0; turn < 3; turn++) {
      const messages = await receive();
      expect(told(messages)).toEqual(["a1", "b1"]);
      for (const message of messages) await shorten(message, leaseMs, false);
      await clock.pass(leaseMs + 20);
    }
    const [a, b] = await receive();
    // Said twice it counts once.
    await shorten(a, leaseMs, false);
    if (leaseMs > 0) await shorten(a, leaseMs, false);
    await shorten(b, leaseMs);
    await clock.pass(leaseMs + 20);
    expect(told(await receive()).toSorted()).toEqual(["a1", "b2"]);
  });

  it("is what was asked for last", async () => {
    await send("a");
    const [a] = await receive();
    await shorten(a, 1_000, false);
    await shorten(a, 1_000);
    await clock.pass(1_000);
    const [again] = await receive();
    expect(again?.attempt).toBe(2);
    await shorten(again, 1_000, false);
    // A nack counts for itself.
    expect(await settle([{ action: "nack", receiptHandle: again?.receiptHandle as string, delayMs: 0 }])).toEqual(["nacked"]);
    expect(told(await receive())).toEqual(["a3"]);
  });

  it("is held all the same: its handles settle, and a repeat of its receive is answered with it", async () => {
    await send("ab");
    const [a, b] = await receive({ attemptId: "once" });
    await shorten(a, 5_000, false);
    await shorten(b, 5_000, false);
    const repeated = await receive({ attemptId: "once" });
    expect(told(repeated).toSorted()).toEqual(["a1", "b1"]);
    const handleOf = (text: string) => repeated.find((message) => textOf(message) === text)?.receiptHandle as string;
    expect(await settle([ack(a?.receiptHandle as string), ack(handleOf("b"))])).toEqual(["acked", "acked"]);
    await clock.pass(LEASE_MS);
    expect(await receive()).toEqual([]);
  });
});

describe("a lease of an ordered delivery that is shortened", () => {
  beforeEach(() => setUp({ type: "FIFO" }, { maxAttempts: 2 }));

  it("holds back its message group until it ends", async () => {
    await send("abc", "g");
    const [a, b] = await receive({ max: 2 });
    const { handle } = await shorten(a, 2_000);
    await clock.pass(1_999);
    expect(await receive()).toEqual([]);
    expect(await settle([ack(handle)])).toEqual(["acked"]);
    expect(await receive()).toEqual([]);
    await clock.pass(1);
    // The whole delivery was shortened, so the second message comes again too.
    expect(told(await receive({ max: 1 }))).toEqual(["b1"]);
    expect(await settle([ack(b?.receiptHandle as string)])).toEqual(["LEASE_LOST"]);
  });

  it("blocks it for as long as it is suspended, without counting", async () => {
    await send("ab", "g");
    for (let turn = 0; turn < 4; turn++) {
      const messages = await receive({ max: 1 });
      expect(told(messages)).toEqual(["a1"]);
      await shorten(messages[0], 1_000, false);
      await clock.pass(999);
      expect(await receive()).toEqual([]);
      await clock.pass(1);
    }
  });
});

describe("on a shared store, a lease that was shortened", () => {
  it("is over for others two seconds later, as every lease", async () => {
    await setUp({}, {}, SHARED_STORE);
    await send("a");
    const [a] = await receive();
    await shorten(a, 1_000);
    await clock.pass(2_999);
    expect(await receive()).toEqual([]);
    await clock.pass(1);
    expect(told(await receive())).toEqual(["a2"]);
  });
});
