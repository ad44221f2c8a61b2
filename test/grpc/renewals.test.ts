import { afterEach, describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { BrokerError } from "../../core/errors.ts";
import { Renewals } from "../../functions/grpc/renewals.ts";
import { Sessions } from "../../functions/grpc/sessions.ts";
import { testBroker } from "../support/broker/broker-over-table.ts";
import { ManualClock } from "../support/clocks/manual-clock.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const LEASE_MS = MINUTE_MS;
const STREAM = { write: () => undefined, end: () => undefined };

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A push consumer with an open stream that holds the messages of one receive, and when its leases were renewed. */
async function held(count = 1) {
  const clock = new ManualClock();
  const startedAtMs = clock.nowMs();
  const broker = await testBroker({ items: new MemoryItemStore(), clock });
  const renewedAfterSeconds: number[] = [];
  const failures: unknown[] = [];
  let storeFails = false;
  let lastFails = false;
  const watched: typeof broker = {
    ...broker,
    async settleMessages(group, entries) {
      if (entries[0]?.action === "extend") renewedAfterSeconds.push((clock.nowMs() - startedAtMs) / SECOND_MS);
      if (storeFails) throw new BrokerError("STORE_UNAVAILABLE", "the store is away");
      const results = await broker.settleMessages(group, lastFails ? entries.slice(0, -1) : entries);
      const last = entries.at(-1);
      if (!lastFails || !last) return results;
      const error = new BrokerError("STORE_UNAVAILABLE", "the store is away");
      return [...results, { status: "error", receiptHandle: last.receiptHandle, error }];
    },
  };
  const renewals = new Renewals(watched, clock, (error) => failures.push(error));
  const sessions = new Sessions(clock, (session) => renewals.forget(session));
  const session = sessions.of("client", "JAVA");
  session.streamOpened(STREAM);
  const stopping = new AbortController();
  const kept = Promise.all([renewals.keepRenewing(stopping.signal), sessions.keepSwept(stopping.signal)]);
  stops.push(async () => {
    stopping.abort();
    await kept;
    broker.stop();
  });
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", { maxAttempts: 100 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  await broker.sendMessages(
    "orders",
    Array.from({ length: count }, (_, at) => ({ body: Buffer.from(`m${at}`) })),
  );
  const receive = () => broker.receiveMessages("billing", { max: 32, waitMs: 0, leaseMs: LEASE_MS });
  const messages = await receive();
  expect(messages).toHaveLength(count);
  renewals.hold(session, "billing", messages);
  return {
    clock,
    broker,
    renewals,
    sessions,
    session,
    messages,
    receive,
    renewedAfterSeconds,
    failures,
    failStore: (fails: boolean) => {
      storeFails = fails;
    },
    /** The last entry of a call meets a queue that cannot be written. */
    failLast: (fails: boolean) => {
      lastFails = fails;
    },
    /** In steps as long as a sweep's. */
    async pass(ms: number) {
      for (let passedMs = 0; passedMs < ms; passedMs += 5 * SECOND_MS) await clock.pass(Math.min(5 * SECOND_MS, ms - passedMs));
    },
  };
}

describe("the leases of a push consumer", () => {
  it("are renewed twenty seconds before they end, for as long as it lives", async () => {
    const { pass, receive, renewedAfterSeconds, broker, messages } = await held();
    await pass(39 * SECOND_MS);
    expect(renewedAfterSeconds).toEqual([]);
    await pass(5 * MINUTE_MS);
    expect(renewedAfterSeconds.slice(0, 3)).toEqual([40, 80, 120].map((seconds) => expect.closeTo(seconds, -1)));
    expect(renewedAfterSeconds.length).toBeLessThanOrEqual(9);
    expect(await receive()).toEqual([]);
    // The handle of the receive still settles the message.
    const ack = { action: "ack", receiptHandle: messages[0]?.receiptHandle ?? "" } as const;
    expect(await broker.settleMessages("billing", [ack])).toMatchObject([{ status: "acked" }]);
  });

  it("are renewed together, and no more once all their messages are settled", async () => {
    const { pass, renewals, session, messages, broker, receive, renewedAfterSeconds } = await held(3);
    await pass(100 * SECOND_MS);
    expect(renewedAfterSeconds).toHaveLength(2);
    for (const { receiptHandle } of messages) {
      expect(await broker.settleMessages("billing", [{ action: "ack", receiptHandle }])).toMatchObject([{ status: "acked" }]);
      renewals.release(session, receiptHandle);
    }
    await pass(10 * MINUTE_MS);
    expect(renewedAfterSeconds).toHaveLength(2);
    expect(await receive()).toEqual([]);
  });

  it("of those that are not settled yet are renewed beside others that are", async () => {
    const { pass, renewals, session, messages, broker, receive } = await held(3);
    const [first, ...others] = messages;
    await broker.settleMessages("billing", [{ action: "ack", receiptHandle: first?.receiptHandle ?? "" }]);
    renewals.release(session, first?.receiptHandle ?? "");
    await pass(5 * MINUTE_MS);
    expect(await receive()).toEqual([]);
    const acks = others.map(({ receiptHandle }) => ({ action: "ack", receiptHandle }) as const);
    expect(await broker.settleMessages("billing", acks)).toMatchObject([{ status: "acked" }, { status: "acked" }]);
  });

  it("end when its stream has been gone for half a minute", async () => {
    const { clock, pass, session, receive, renewedAfterSeconds } = await held();
    await pass(50 * SECOND_MS);
    expect(renewedAfterSeconds).toHaveLength(1);
    session.streamClosed(STREAM, clock.nowMs());
    await pass(55 * SECOND_MS);
    expect(renewedAfterSeconds).toHaveLength(1);
    expect(await receive()).toMatchObject([{ attempt: 2 }]);
  });

  it("go on when it opens another stream before", async () => {
    const { clock, pass, sessions, session, receive } = await held();
    for (let round = 0; round < 5; round++) {
      // Its heartbeats go on.
      expect(sessions.of("client")).toBe(session);
      session.streamClosed(STREAM, clock.nowMs());
      await pass(25 * SECOND_MS);
      session.streamOpened(STREAM);
      await pass(25 * SECOND_MS);
    }
    expect(await receive()).toEqual([]);
  });

  it("are renewed for three hours at most", async () => {
    const { pass, receive } = await held();
    await pass(3 * HOUR_MS - MINUTE_MS);
    expect(await receive()).toEqual([]);
    await pass(3 * MINUTE_MS);
    expect(await receive()).toMatchObject([{ attempt: 2 }]);
  });

  it("are renewed by the next sweep when the store was away", async () => {
    const { pass, receive, failStore, failures } = await held();
    failStore(true);
    await pass(45 * SECOND_MS);
    expect(failures.length).toBeGreaterThan(0);
    failStore(false);
    await pass(2 * MINUTE_MS);
    expect(await receive()).toEqual([]);
  });

  it("are renewed by the next sweep where the store was away for one queue of a receive", async () => {
    const { pass, receive, failLast } = await held(3);
    failLast(true);
    await pass(45 * SECOND_MS);
    failLast(false);
    // Its lease would have ended after a minute, and those of the others after 100 seconds.
    await pass(25 * SECOND_MS);
    expect(await receive()).toEqual([]);
  });

  it("that were lost are not renewed again", async () => {
    const { pass, broker, messages, receive, renewedAfterSeconds } = await held();
    const nack = { action: "nack", receiptHandle: messages[0]?.receiptHandle ?? "", delayMs: 0 } as const;
    await broker.settleMessages("billing", [nack]);
    expect(await receive()).toMatchObject([{ attempt: 2 }]);
    await pass(5 * MINUTE_MS);
    expect(renewedAfterSeconds).toHaveLength(1);
  });

  it("are given back when it ends, as if nothing had been delivered", async () => {
    const { renewals, session, receive, pass, renewedAfterSeconds } = await held(3);
    await renewals.giveBack(session);
    expect(await receive()).toMatchObject([{ attempt: 1 }, { attempt: 1 }, { attempt: 1 }]);
    await pass(2 * MINUTE_MS);
    expect(renewedAfterSeconds).toEqual([]);
  });
});

describe("a client", () => {
  it("is forgotten a minute after its last call, and what it holds with it", async () => {
    const { clock, pass, sessions, session } = await held();
    await pass(10 * MINUTE_MS);
    // Its stream is open.
    expect(sessions.of("client")).toBe(session);
    session.streamClosed(STREAM, clock.nowMs());
    await pass(50 * SECOND_MS);
    expect(sessions.of("client")).toBe(session);
    await pass(80 * SECOND_MS);
    expect(sessions.count).toBe(0);
    expect(sessions.of("client")).not.toBe(session);
  });

  it("is known while it polls", async () => {
    const { pass, sessions } = await held();
    const polling = sessions.of("polling");
    const poll = polling.beginPoll(new AbortController().signal);
    await pass(10 * MINUTE_MS);
    expect(sessions.of("polling")).toBe(polling);
    poll.end();
    await pass(2 * MINUTE_MS);
    expect(sessions.of("polling")).not.toBe(polling);
  });

  it("is one of ten thousand at most, and others are told to come later", () => {
    const sessions = new Sessions(new ManualClock(), () => undefined);
    for (let at = 0; at < 10_000; at++) sessions.of(`client-${at}`);
    expect(() => sessions.of("one-more")).toThrow(/too many clients/);
    expect(sessions.of("client-7").clientId).toBe("client-7");
  });
});
