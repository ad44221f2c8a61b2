import { beforeEach, describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { BrokerEvent } from "../../../core/ports/events.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;
let events: BrokerEvent[];
let answers: { failure: string } | { resolution: "unknown" };

beforeEach(async () => {
  table = brokerOverTable();
  events = [];
  answers = { resolution: "unknown" };
  broker = await table.process(table.items, undefined, {
    events: { happened: (event) => void events.push(event) },
    askProducer: async () => answers,
  });
  await broker.putTopic("orders", { queues: 1, type: "MIXED" });
  await broker.putGroup("billing", { maxAttempts: 1, leaseSeconds: 10 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

const send = (text: string, more: object = {}) => broker.sendMessages("orders", [{ body: Buffer.from(text), ...more }]);
const receive = () => broker.receiveMessages("billing", { max: 10, waitMs: 0 });
const about = { group: "billing", topic: "orders", queueId: 0 };

describe("events tell", () => {
  it("of messages that were dead-lettered: by a nack, by their consumer, by the end of a lease", async () => {
    for (const text of ["nacked", "refused", "forgotten"]) await send(text);
    const [nacked, refused] = await receive();
    await broker.settleMessages("billing", [
      { action: "nack", receiptHandle: nacked!.receiptHandle },
      { action: "deadLetter", receiptHandle: refused!.receiptHandle, reason: "no such order" },
    ]);
    expect(events).toMatchObject([
      { kind: "deadLettered", ...about, offset: 0, attempts: 1, reason: "given back after attempt 1" },
      { kind: "deadLettered", ...about, offset: 1, attempts: 1, reason: "no such order" },
    ]);
    table.pass(20_000);
    expect(await receive()).toEqual([]);
    expect(events.slice(2)).toMatchObject([{ ...about, offset: 2, reason: "not acknowledged in 1 attempts" }]);
    const { items } = await broker.listDeadLetters("billing", { limit: 10, maxBytes: 1_000_000 });
    expect(events.map((event) => "messageId" in event && event.messageId)).toEqual(items.map(({ messageId }) => messageId));
  });

  it("of nothing that did not happen", async () => {
    await send("acked");
    const [message] = await receive();
    await broker.settleMessages("billing", [{ action: "ack", receiptHandle: message!.receiptHandle }]);
    const again = await broker.settleMessages("billing", [
      { action: "deadLetter", receiptHandle: message!.receiptHandle, reason: "late" },
    ]);
    expect(again[0]).toMatchObject({ error: { code: "LEASE_LOST" } });
    expect(events).toEqual([]);
  });

  it("of a redrive that ended, once, and why it failed", async () => {
    await send("a");
    const [message] = await receive();
    await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: message!.receiptHandle, reason: "x" }]);
    await broker.putTopic("fifo", { type: "FIFO" });
    events.length = 0;
    const failed = await broker.redriveDeadLetters("billing", { target: "fifo" });
    const done = await broker.redriveDeadLetters("billing", {});
    await broker.resumeRedrive("billing", done.jobId);
    expect(events).toEqual([
      expect.objectContaining({ kind: "redriveEnded", jobId: failed.jobId, state: "FAILED", moved: 0, reason: failed.failure }),
      { kind: "redriveEnded", group: "billing", jobId: done.jobId, state: "DONE", moved: 1, unreadable: 0, reason: undefined },
    ]);
  });

  it("of delayed messages that were parked", async () => {
    await broker.putTopic("gone", { type: "DELAY" });
    await broker.sendMessages("gone", [{ body: Buffer.from("x"), delayMs: 1_000 }]);
    await broker.deleteTopic("gone", { dryRun: false });
    table.pass(5_000);
    await broker.scan({ untilMs: table.clock.nowMs() + 1_000 });
    expect(events).toMatchObject([{ kind: "timerParked", topic: "gone", reason: "its topic was deleted" }]);
    const [parked] = (await broker.listParked({ limit: 1 })).items;
    expect(events).toMatchObject([{ id: parked?.id, deliverAtMs: parked?.deliverAtMs }]);
  });

  it("of webhooks that failed, and of transactions that were discarded for it", async () => {
    await broker.putProducerGroup("shop", { url: "https://example.com/", maxChecks: 1 });
    answers = { failure: "The connection failed (ECONNREFUSED)." };
    const { transactionId } = await broker.sendHalfMessage(
      "orders",
      { body: Buffer.from("half") },
      { producerGroup: "shop", checkAfterMs: 1_000 },
    );
    for (let look = 0; look < 3; look++) {
      table.pass(31_000);
      await broker.scan({ untilMs: table.clock.nowMs() + 1_000 });
    }
    expect(events).toEqual([
      {
        kind: "webhookFailed",
        producerGroup: "shop",
        transactionId,
        checkNumber: 1,
        reason: "The connection failed (ECONNREFUSED).",
      },
      { kind: "transactionDiscarded", topic: "orders", producerGroup: "shop", transactionId, checks: 1, asked: true },
    ]);
  });
});
