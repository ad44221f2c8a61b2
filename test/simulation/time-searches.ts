import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { Auditor } from "./audit/auditor.ts";
import { TOPIC } from "./scenario.ts";
import { SILENCE, type Stage } from "./stage.ts";
import type { World } from "./world.ts";

const CALL_MS = 15_000;
const SEARCHES_AT_LAST = 8;

/** Asks where messages of some time are, while they are sent, rolled and dropped. */
export async function askTimes(stage: Stage): Promise<void> {
  const { world } = stage;
  const [, most] = stage.scenario.sending.pauseMs;
  for (;;) {
    await world.sleep(world.random.integer(50, most));
    if (stage.over()) return;
    await search(world, stage.auditor, (verb) => stage.ask(verb, CALL_MS));
  }
}

export async function askTimesAtLast(world: World, broker: RunningBroker, auditor: Auditor): Promise<void> {
  for (let searches = SEARCHES_AT_LAST; searches > 0; searches--) await search(world, auditor, (verb) => verb(broker));
}

async function search(
  world: World,
  auditor: Auditor,
  ask: <T>(verb: (broker: RunningBroker) => Promise<T>) => Promise<T | BrokerError | typeof SILENCE>,
): Promise<void> {
  const { random } = world;
  const queueId = random.pick([0, 0, 1]);
  const before = auditor.keptIn(queueId, world.nowMs + CALL_MS);
  if (before.size === 0) return;
  const timestampMs = random.pick([...before.values()]).storedAtMs + random.pick([-1, 0, 0, 1]);
  const boundary = random.pick(["LOWER", "UPPER"] as const);
  // What was stored before may have expired, so the search may not find it.
  if (![...before.values()].some(({ storedAtMs }) => storedAtMs < timestampMs)) return;
  const answer = await ask((broker) => broker.offsetAt(TOPIC, queueId, { timestampMs, boundary }));
  if (answer === SILENCE || BrokerError.is(answer)) return;
  auditor.timeAnswered({ queueId, timestampMs, boundary, offset: answer.offset }, before, world.nowMs);
}
