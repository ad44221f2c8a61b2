import { BrokerError } from "../../core/errors.ts";
import { padding } from "./run-length-compressor.ts";
import { SILENCE, type Stage } from "./stage.ts";

/** A topic that is made, filled and deleted, again and again, while its queues are rolled. */
const BRIEF_TOPIC = "errands";
const CALL_MS = 15_000;
const MADE = 0.75;
const encoder = new TextEncoder();

export async function makeBriefly(stage: Stage): Promise<void> {
  const { world } = stage;
  const { random } = world;
  const { pace = 1 } = stage.scenario;
  for (;;) {
    await world.sleep(random.integer(100, 1_500) * pace);
    if (stage.over() || !random.chance(MADE)) return;
    await stage.ask((broker) => broker.putTopic(BRIEF_TOPIC, { queues: 1 }), CALL_MS);
    for (let sends = random.integer(3, 10); sends > 0 && !stage.over(); sends--) {
      await world.sleep(random.integer(5, 100));
      const body = encoder.encode(`${sends}|${padding(random.pick([20, 150]))}`);
      await stage.ask((broker) => broker.sendMessages(BRIEF_TOPIC, [{ body }]), CALL_MS);
    }
    await world.sleep(random.integer(0, 2_500) * pace);
    for (let gone = false; !gone && !stage.over(); ) {
      const answer = await stage.ask((broker) => broker.deleteTopic(BRIEF_TOPIC, { dryRun: false }), CALL_MS);
      gone = answer !== SILENCE && (!BrokerError.is(answer) || answer.code === "TOPIC_NOT_FOUND");
    }
  }
}
