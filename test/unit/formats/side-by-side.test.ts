import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import type { RunningBroker } from "../../../core/create-broker.ts";
import { FORMAT_KEY } from "../../../core/keys.ts";
import { OLDEST_FORMAT } from "../../../core/store/store-format.ts";
import type { ReceivedMessage, StoredReceipt } from "../../../core/terms.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { createBroker as createFormat2 } from "./versions/format-2.mjs";

const SEEDS = 4;
const STEPS = 120;
const LEASE_MS = 30_000;
const TOPICS = { orders: "billing", parcels: "shipping" } as const;

/** What a consumer has, and until when nobody else may. */
interface Held {
  readonly group: string;
  readonly message: ReceivedMessage;
  untilMs: number;
}

/** A rolling update: handlers of both versions at work on one store; then the older ones are gone, and the format is raised. */
async function roll(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const table = brokerOverTable(SHARED_STORE);
  await table.items.put({ ...FORMAT_KEY, v: OLDEST_FORMAT });
  const older = [await createFormat2(table.dependencies()), await createFormat2(table.dependencies())];
  const newer = [await table.process(), await table.process()];
  let handlers: readonly RunningBroker[] = [...older, ...newer];
  const [first] = handlers as [RunningBroker, ...RunningBroker[]];
  await first.putTopic("orders", { queues: 1 });
  await first.putTopic("parcels", { type: "FIFO", queues: 1 });
  for (const [topic, group] of Object.entries(TOPICS)) {
    await first.putGroup(group, { leaseSeconds: LEASE_MS / 1_000, maxAttempts: 100 });
    await first.putSubscription(group, topic, { startFrom: "earliest" });
  }
  const unsettled = new Map<string, { readonly messageGroup: string | undefined; readonly offset: number }>();
  const held = new Map<string, Held>();
  let sent = 0;
  const keyOf = (group: string, { messageId }: ReceivedMessage): string => `${group}/${messageId}`;

  const send = async (by: RunningBroker): Promise<void> => {
    const topic = random.pick(["orders", "parcels"] as const);
    const messages = Array.from({ length: random.integer(1, 6) }, () => ({
      body: Buffer.from(String(sent++)),
      messageGroup: topic === "parcels" ? `customer-${random.integer(0, 3)}` : undefined,
    }));
    for (const [index, receipt] of (await by.sendMessages(topic, messages)).entries()) {
      const { messageId, offset } = receipt as StoredReceipt;
      unsettled.set(`${TOPICS[topic]}/${messageId}`, { messageGroup: messages[index]?.messageGroup, offset });
    }
  };
  const receive = async (by: RunningBroker): Promise<void> => {
    const group = random.pick(Object.values(TOPICS));
    const attemptId = random.chance(0.3) ? `attempt-${random.integer(0, 1_000_000)}` : undefined;
    const messages = await by.receiveMessages(group, { max: random.integer(1, 8), waitMs: 0, attemptId });
    for (const message of messages) {
      const before = held.get(keyOf(group, message));
      expect(before === undefined || before.untilMs <= table.clock.nowMs(), `seed ${seed}: two holders`).toBe(true);
      expect(unsettled.has(keyOf(group, message)), `seed ${seed}: delivered after its ack`).toBe(true);
      held.set(keyOf(group, message), { group, message, untilMs: message.leaseUntilMs });
      for (const [key, { messageGroup, offset }] of unsettled)
        if (messageGroup !== undefined && messageGroup === message.messageGroup && offset < message.offset)
          expect(held.has(key), `seed ${seed}: delivered before an earlier one of ${messageGroup}`).toBe(true);
    }
  };
  const settle = async (by: RunningBroker): Promise<void> => {
    const group = random.pick(Object.values(TOPICS));
    const mine = [...held.values()]
      .filter((one) => one.group === group)
      .slice(0, 8)
      .filter(() => random.chance(0.6));
    // The older version may answer "extended" to a first handle that no longer extends anything.
    const action = random.pick(older.includes(by) ? (["ack", "nack"] as const) : (["ack", "ack", "nack", "extend"] as const));
    const results = await by.settleMessages(
      group,
      mine.map(({ message: { receiptHandle } }) =>
        action === "ack"
          ? { action, receiptHandle }
          : action === "nack"
            ? { action, receiptHandle, delayMs: random.pick([0, 5_000, 60_000]) }
            : { action, receiptHandle, leaseMs: LEASE_MS },
      ),
    );
    for (const [index, result] of results.entries()) {
      const one = mine[index] as Held;
      const key = keyOf(group, one.message);
      if (result.status === "extended") one.untilMs = result.leaseUntilMs;
      else held.delete(key);
      if (result.status === "acked") unsettled.delete(key);
      // In order a nack gives back all that was delivered of the message group.
      if (result.status !== "nacked" || group !== "shipping") continue;
      for (const [other, { message }] of held)
        if (message.topic === "parcels" && message.messageGroup === one.message.messageGroup) held.delete(other);
    }
  };
  const steps = async (count: number): Promise<void> => {
    for (let step = 0; step < count; step++) {
      await random.pick([send, receive, receive, settle, settle])(random.pick(handlers));
      if (random.chance(0.1)) table.pass(random.integer(0, LEASE_MS / 2));
    }
  };

  await steps(STEPS);
  handlers = newer;
  await (newer[0] as RunningBroker).raiseFormat();
  await steps(STEPS);
  handlers = [await table.process(), ...newer];
  await steps(STEPS);
  for (let turn = 0; unsettled.size > 0 && turn < 1_000; turn++) {
    table.pass(LEASE_MS);
    await receive(random.pick(handlers));
    const { group } = [...held.values()][0] ?? { group: "billing" };
    const mine = [...held.values()].filter((one) => one.group === group);
    const results = await random.pick(handlers).settleMessages(
      group,
      mine.slice(0, 100).map(({ message: { receiptHandle } }) => ({ action: "ack", receiptHandle })),
    );
    for (const [index, result] of results.entries()) {
      const key = keyOf(group, (mine[index] as Held).message);
      held.delete(key);
      if (result.status === "acked") unsettled.delete(key);
    }
  }
  expect([...unsettled.keys()], `seed ${seed}: never delivered`).toEqual([]);
}

describe("a rolling update", () => {
  it("loses nothing and delivers nothing twice while both versions run, nor when the format is raised", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await roll(seed);
  });
});
