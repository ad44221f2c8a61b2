import { expect, it } from "vitest";
import { type BrokerSettings, SHARED_STORE, SOLE_PROCESS } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { progressKey } from "../../../core/keys.ts";
import { CLAIMS_MAX } from "../../../core/limits.ts";
import { progressOf } from "../../../core/progress/progress.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";

const HOUR_MS = 3_600_000;
const MAX = 32;

async function subscribed(settings: BrokerSettings) {
  const table = brokerOverTable(settings);
  const broker = await table.process();
  await broker.putTopic("orders", { queues: 1 });
  await broker.putGroup("billing", { leaseSeconds: 600 });
  await broker.putSubscription("billing", "orders", { startFrom: "earliest" });
  const uid = (await broker.getGroup("billing")).subscriptions[0]?.uid ?? "";
  const claims = async (): Promise<number> => {
    const item = await table.items.get(progressKey(uid, 0));
    return item ? progressOf(item).claims.size : 0;
  };
  return { table, broker, claims };
}

async function send(broker: RunningBroker, count: number, text = "x"): Promise<void> {
  for (let sent = 0; sent < count; sent += 100)
    await broker.sendMessages("orders", Array(Math.min(100, count - sent)).fill({ body: Buffer.from(text) }));
}

const receive = (broker: RunningBroker, max = MAX) => broker.receiveMessages("billing", { max, waitMs: 0 });
const settle = (broker: RunningBroker, messages: readonly ReceivedMessage[], action: "ack" | "nack", delayMs = 0) =>
  broker.settleMessages(
    "billing",
    messages.map(({ receiptHandle }) => ({ action, receiptHandle, delayMs })),
  );

/** As many receives as a queue lets out, each message given back on its own, as RocketMQ's clients do. */
async function fail(broker: RunningBroker, receives: number, delayMs: number): Promise<void> {
  const held: ReceivedMessage[] = [];
  for (let count = 0; count < receives; count++) held.push(...(await receive(broker)));
  for (const message of held) await settle(broker, [message], "nack", delayMs);
}

it.each([
  ["an hour", HOUR_MS],
  ["three seconds", 3_000],
])("messages given back one by one, for %s, do not fill a queue", { timeout: 60_000 }, async (_, delayMs) => {
  const { broker, claims } = await subscribed(SOLE_PROCESS);
  await send(broker, 24 * MAX);
  await fail(broker, 24, delayMs);
  await send(broker, 1, "new");
  const [message] = await receive(broker, 1);
  expect(Buffer.from(message?.body ?? "").toString()).toBe("new");
  expect(await claims()).toBeLessThanOrEqual(CLAIMS_MAX);
});

it("messages that fall due together come back as far as there is room, and all of them in the end", async () => {
  const { table, broker, claims } = await subscribed(SOLE_PROCESS);
  await send(broker, 8 * MAX);
  await fail(broker, 8, HOUR_MS);
  await receive(broker, 1);
  table.pass(2 * HOUR_MS);
  const seen = new Set<number>();
  for (let round = 0; seen.size < 8 * MAX; round++) {
    expect(round).toBeLessThan(8 * MAX);
    const held: ReceivedMessage[] = [];
    for (let messages = await receive(broker); messages.length > 0; ) {
      held.push(...messages);
      expect(await claims()).toBeLessThanOrEqual(CLAIMS_MAX);
      messages = await receive(broker).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "TOO_MANY_REQUESTS" });
        return [];
      });
    }
    for (const { offset } of held) seen.add(offset);
    await settle(broker, held.slice(0, 100), "ack");
    for (const message of held.slice(100)) await settle(broker, [message], "ack");
  }
});

it("a queue that another process emptied is empty, not full", async () => {
  const { table, broker } = await subscribed(SHARED_STORE);
  const other = await table.process();
  await send(broker, CLAIMS_MAX + 10);
  const held: ReceivedMessage[] = [];
  for (let count = 0; count < CLAIMS_MAX; count++) held.push(...(await receive(broker, 1)));
  await settle(other, held, "ack");
  const rest = await receive(other);
  expect(rest).toHaveLength(10);
  await settle(other, rest, "ack");
  expect(await receive(broker, 1)).toEqual([]);
});
