import { beforeEach, describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const ORIGIN = { bornHost: "10.0.0.7:5100", traceContext: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
const properties = new Map([["a", "1"]]);
const message = { body: Buffer.from("x"), properties, ...ORIGIN };

let table: ReturnType<typeof brokerOverTable>;
let broker: RunningBroker;

beforeEach(async () => {
  table = brokerOverTable();
  broker = await table.process();
  await broker.putTopic("orders", { queues: 1, type: "MIXED" });
  await broker.putGroup("billing", {});
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
});

const receive = (group = "billing") => broker.receiveMessages(group, { max: 10, waitMs: 0 });

function expectOrigin(messages: readonly ReceivedMessage[]): void {
  expect(messages).toMatchObject([ORIGIN]);
  expect(Object.fromEntries(messages[0]?.properties ?? [])).toEqual({ a: "1" });
}

describe("where a message comes from", () => {
  it("is stored with it, apart from its properties", async () => {
    await broker.sendMessages("orders", [message]);
    expectOrigin(await receive());
    const pull = await broker.pullMessages("orders", 0, { from: { offset: 0 }, limit: 10, maxBytes: 1_000, waitMs: 0 });
    expect(pull).toMatchObject({ messages: [{ ...ORIGIN, properties }] });
  });

  it("is kept while it waits until it is due, also where it is moved", async () => {
    const [receipt] = await broker.sendMessages("orders", [{ ...message, delayMs: 1_000 }]);
    if (!receipt || !("recallHandle" in receipt)) throw new Error("not delayed");
    await broker.rescheduleMessage("orders", receipt.recallHandle, table.clock.nowMs() + 60_000);
    await broker.scan({ untilMs: table.pass(60_000) + 500 });
    expectOrigin(await receive());
  });

  it("is kept by a half message", async () => {
    const { transactionId } = await broker.sendHalfMessage("orders", message, { producerGroup: "p", checkAfterMs: 60_000 });
    await broker.endTransaction(transactionId, "commit");
    expectOrigin(await receive());
  });

  it("is kept by dead letters and redrives, and by what is delivered once more", async () => {
    const [sent] = await broker.sendMessages("orders", [message]);
    const [received] = await receive();
    await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: received?.receiptHandle as string }]);
    expect((await broker.listDeadLetters("billing", { limit: 1, maxBytes: 1_000 })).items).toMatchObject([
      { ...ORIGIN, properties },
    ]);
    await broker.redriveDeadLetters("billing", {});
    table.pass(3_000);
    expectOrigin(await receive());
    await broker.redeliverMessage((sent as { messageId: string }).messageId, { group: "billing", topic: "orders" });
    expectOrigin(await receive());
  });

  it("is seen by filters, in the log and outside it", async () => {
    const filter = { type: "SQL92", expression: `__BORNHOST = '${ORIGIN.bornHost}' AND TRACE_CONTEXT IS NOT NULL` } as const;
    await broker.putSubscription("billing", "orders", { filter });
    await broker.sendMessages("orders", [{ body: Buffer.from("other"), bornHost: "10.0.0.8" }, message]);
    const messages = await receive();
    expectOrigin(messages);
    await broker.settleMessages("billing", [{ action: "deadLetter", receiptHandle: messages[0]?.receiptHandle as string }]);
    expect(await broker.countRedrive("billing", { filter })).toMatchObject({ matched: 1 });
  });

  it("is no property, and is bounded", async () => {
    const all = new Map(Array.from({ length: 128 }, (_, index) => [`p${index}`, "v".repeat(100)]));
    expect(await broker.sendMessages("orders", [{ ...message, properties: all }])).toMatchObject([{ offset: 0 }]);
    for (const wrong of [
      { bornHost: "h".repeat(256) },
      { bornHost: "" },
      { bornHost: "a\n" },
      { traceContext: "t".repeat(4_097) },
    ])
      expect(await broker.sendMessages("orders", [{ ...message, ...wrong }])).toMatchObject([{ code: "BAD_REQUEST" }]);
    for (const name of ["__BORNHOST", "TRACE_CONTEXT"])
      expect(await broker.sendMessages("orders", [{ ...message, properties: new Map([[name, "x"]]) }])).toMatchObject([
        { code: "ILLEGAL_MESSAGE_PROPERTY_KEY" },
      ]);
  });
});
