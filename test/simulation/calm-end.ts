import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import { queuePk } from "../../core/keys.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import { GROUP, placed, seenOf, TOPIC } from "./actors.ts";
import type { Auditor } from "./auditor.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

const HOUR_MS = 3_600_000;

/** Nothing happens until the data expires, is deleted in any order or not at all, and the queue begins anew behind it. */
export async function idleForDays(
  world: World,
  scenario: Scenario,
  items: ItemStore,
  broker: RunningBroker,
  auditor: Auditor,
): Promise<void> {
  const { random } = world;
  await world.sleep(random.integer(24, 30) * HOUR_MS);
  const { uid, readQueues } = await broker.getTopic(TOPIC);
  for (let queueId = 0; queueId < readQueues; queueId++) {
    const page = await items.query({ pk: queuePk(uid, queueId), limit: 1_000 });
    for (const item of page.items) if ((item.x as number) * 1_000 <= world.nowMs && random.chance(0.5)) await items.delete(item);
  }
  for (let index = 0; index < 4; index++) {
    const body = `late.${index}`;
    auditor.sendStarted(body);
    const fields = scenario.message(random).fields.messageGroup === undefined ? {} : { messageGroup: "late" };
    const [result] = await broker.sendMessages(TOPIC, [{ tag: "wanted", ...fields, body: new TextEncoder().encode(`${body}|`) }]);
    if (result && !BrokerError.is(result)) auditor.sendAcked({ ...placed(result), body });
    await world.sleep(random.integer(0, 40 * 60_000));
  }
}

/** Receives and acks until nothing comes any more. */
export async function drain(world: World, broker: RunningBroker, auditor: Auditor): Promise<void> {
  for (let empty = 0; empty < 3; ) {
    const askedMs = world.nowMs;
    const messages = await broker.receiveMessages(GROUP, { max: 32, waitMs: 0, leaseMs: 60_000 });
    auditor.deliverTogether(messages.map(seenOf));
    for (const message of messages) {
      const { attempt, leaseUntilMs } = message;
      auditor.deliver("drain", seenOf(message), { attempt, untilMs: leaseUntilMs, askedMs, nowMs: world.nowMs });
      auditor.ackTried(seenOf(message));
    }
    const sentMs = world.nowMs;
    const results = await broker.settleMessages(
      GROUP,
      messages.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
    );
    for (const [index, message] of messages.entries()) {
      auditor.release("drain", seenOf(message));
      if (results[index]?.status === "acked") auditor.ackAnswered(seenOf(message), sentMs);
    }
    empty = messages.length === 0 ? empty + 1 : 0;
    // Past every lease, margin and back-off there can be.
    await world.sleep(messages.length === 0 ? 100_000 : 10);
  }
}
