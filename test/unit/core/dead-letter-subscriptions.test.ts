import { beforeEach, describe, expect, it } from "vitest";
import type { RunningBroker } from "../../../core/create-broker.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { ManualClock } from "../../support/clocks/manual-clock.ts";

const DEAD = "%DLQ%billing";

let clock: ManualClock;
let broker: RunningBroker;

beforeEach(async () => {
  clock = new ManualClock();
  const table = brokerOverTable();
  broker = await table.process(table.items, undefined, { clock });
  await broker.putTopic("orders", { queues: 1 });
  await broker.putTopic("parcels", { queues: 1 });
  await broker.putGroup("billing", { maxAttempts: 1 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  await broker.putGroup("care", { maxAttempts: 2, backoff: [0] });
  await broker.putSubscription("care", DEAD, { startFrom: "earliest" });
});

const receive = (group: string, options: { topics?: readonly string[]; waitMs?: number } = {}) =>
  broker.receiveMessages(group, { max: 10, waitMs: 0, ...options });
const nack = (group: string, [message]: readonly ReceivedMessage[]) =>
  broker.settleMessages(group, [{ action: "nack", receiptHandle: message?.receiptHandle as string, delayMs: 0, reason: "no" }]);
const texts = (messages: readonly { readonly body: Uint8Array }[]) => messages.map(({ body }) => Buffer.from(body).toString());

async function die(text: string): Promise<void> {
  await broker.sendMessages("orders", [{ body: Buffer.from(text), tag: text }]);
  await nack("billing", await receive("billing"));
}

describe("a group that is subscribed to the dead letters of another", () => {
  it("receives them with where they come from, also while it waits", async () => {
    const waiting = receive("care", { topics: [DEAD], waitMs: 20_000 });
    await clock.pass(0);
    await die("a");
    await clock.pass(1);
    const [message] = await waiting;
    expect(message).toMatchObject({ topic: DEAD, queueId: 0, offset: 0, tag: "a", attempt: 1, maxAttempts: 2 });
    expect(Object.fromEntries(message?.properties ?? [])).toMatchObject({
      DLQ_ORIGIN_TOPIC: "orders",
      DLQ_ORIGIN_MESSAGE_ID: message?.messageId,
      DLQ_ORIGIN_OFFSET: "0",
      DLQ_REASON: "no",
    });
    expect(
      await broker.settleMessages("care", [{ action: "ack", receiptHandle: message?.receiptHandle as string }]),
    ).toMatchObject([{ status: "acked" }]);
    expect(await receive("care")).toEqual([]);
  });

  it("may filter them", async () => {
    await broker.putSubscription("care", DEAD, { filter: { type: "SQL92", expression: "TAGS = 'b' AND DLQ_REASON = 'no'" } });
    await die("a");
    await die("b");
    expect(texts(await receive("care"))).toEqual(["b"]);
  });

  it("has dead letters of its own, which come back to it when they are redriven", async () => {
    await die("a");
    for (const attempt of [1, 2]) {
      const messages = await receive("care");
      expect(messages).toMatchObject([{ attempt }]);
      await nack("care", messages);
    }
    const list = () => broker.listDeadLetters("care", { limit: 10, maxBytes: 10_000 });
    expect((await list()).items).toMatchObject([{ originTopic: DEAD, originQueueId: 0, originOffset: 0, attempts: 2 }]);
    await broker.redriveDeadLetters("care", {});
    await clock.pass(1_000);
    const again = await receive("care", { topics: [DEAD] });
    expect(again).toMatchObject([{ topic: DEAD, attempt: 1 }]);
    expect(texts(again)).toEqual(["a"]);
    expect((await list()).items).toEqual([]);
  });

  it("receives them though they were deleted or redriven meanwhile", async () => {
    await die("a");
    await broker.purgeDeadLetters("billing");
    expect(texts(await receive("care"))).toEqual(["a"]);
  });

  it("goes on with its other topics when the group and its dead letters are deleted, and subscribes anew to those of a new one", async () => {
    await broker.putSubscription("care", "parcels", { startFrom: "earliest" });
    await die("a");
    await broker.deleteGroup("billing", { dryRun: false });
    await broker.sendMessages("parcels", [{ body: Buffer.from("p") }]);
    await clock.pass(3_000);
    expect(texts(await receive("care"))).toEqual(["p"]);
    await broker.putGroup("billing", { maxAttempts: 1 });
    await broker.putSubscription("billing", "orders", { startFrom: "latest" });
    expect(await broker.putSubscription("care", DEAD, { startFrom: "earliest" })).toMatchObject({ created: true });
    await die("b");
    expect(texts(await receive("care"))).toEqual(["b"]);
  });

  it("is another one", async () => {
    await expect(broker.putSubscription("billing", DEAD, {})).rejects.toMatchObject({ code: "BAD_REQUEST" });
    await expect(broker.putSubscription("care", "%DLQ%nobody", {})).rejects.toMatchObject({ code: "TOPIC_NOT_FOUND" });
    await expect(broker.putSubscription("care", "%RETRY%care%orders", {})).rejects.toMatchObject({ code: "ILLEGAL_TOPIC" });
  });
});
