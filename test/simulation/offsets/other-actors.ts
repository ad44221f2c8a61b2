import type { OffsetReset } from "../../../core/admin/reset-offsets.ts";
import { BrokerError } from "../../../core/errors.ts";
import { SILENCE } from "../stage.ts";
import { GROUP, pause, type Stage, TOPIC, told } from "./stage.ts";

const encoder = new TextEncoder();

export async function send(stage: Stage): Promise<void> {
  for (let sent = 0; await pause(stage, 100, 4_000); sent++) {
    const count = stage.world.random.pick([1, 2, 5]);
    const entries = Array.from({ length: count }, (_, index) => ({ body: encoder.encode(`${sent}.${index}`) }));
    await stage.ask((broker) => broker.sendMessages(TOPIC, entries));
  }
}

/** An operator moves the group. A reset that is refused with nothing done has no effect, also later. */
export async function reset(stage: Stage): Promise<void> {
  const { random } = stage.world;
  while (await pause(stage, 5_000, 60_000)) {
    const queueId = random.pick([undefined, random.integer(0, stage.queues - 1)]);
    const to = random.pick<OffsetReset["to"]>(["earliest", "latest", { timestampMs: stage.world.nowMs - 30_000 }]);
    const queueIds = queueId === undefined ? Array.from({ length: stage.queues }, (_, id) => id) : [queueId];
    const started = stage.auditor.resetStarted(queueIds);
    const answer = await stage.ask((broker) => broker.resetOffsets(GROUP, { topic: TOPIC, queueId, to, dryRun: false }));
    if (answer !== SILENCE && BrokerError.is(answer) && answer.effect === "none") started.refused();
  }
}

/** A consumer that receives from the same queues. */
export async function receive(stage: Stage): Promise<void> {
  const { random } = stage.world;
  while (await pause(stage, 500, 15_000)) {
    const request = { max: random.pick([1, 4]), waitMs: 0, leaseMs: random.pick([2_000, 20_000]) };
    const messages = await told(stage, (broker) => broker.receiveMessages(GROUP, request));
    await pause(stage, 0, 3_000);
    const acks = (messages ?? []).map(({ receiptHandle }) => ({ action: "ack" as const, receiptHandle }));
    if (acks.length > 0 && random.chance(0.8)) await stage.ask((broker) => broker.settleMessages(GROUP, acks));
  }
}
