import { BrokerError } from "../../core/errors.ts";
import { TOPIC } from "./scenario.ts";
import { SILENCE, type Stage, seenOf } from "./stage.ts";

const CALL_MS = 15_000;

/** Reads a queue without a group, continuously, and at times from its start again. */
export async function pullOn(stage: Stage): Promise<void> {
  const { world, auditor, scenario } = stage;
  const { random } = world;
  const queueId = random.integer(0, Math.max(...(scenario.queues ?? [1, 2])) - 1);
  let offset = 0;
  for (;;) {
    await world.sleep(random.integer(20, 900) * (scenario.pace ?? 1));
    if (stage.over()) return;
    if (random.chance(0.05)) offset = 0;
    const from = offset;
    const askedMs = world.nowMs;
    const request = { from: { offset }, limit: random.pick([1, 8, 32]), maxBytes: 4_000_000, waitMs: random.pick([0, 0, 2_000]) };
    const result = await stage.ask((broker) => broker.pullMessages(TOPIC, queueId, request), CALL_MS);
    if (result === SILENCE || BrokerError.is(result)) continue;
    world.note(`pull of ${queueId}/${from}: ${result.status}`);
    const { minOffset } = result;
    auditor.begins({ queueId, askedMs, minOffset }, world.nowMs);
    if (result.status === "OFFSET_ILLEGAL") {
      auditor.pullRefused(queueId, from);
      offset = result.minOffset;
    } else {
      auditor.pulled({ queueId, from, askedMs, next: result.nextOffset }, result.messages.map(seenOf));
      offset = result.nextOffset;
    }
  }
}
