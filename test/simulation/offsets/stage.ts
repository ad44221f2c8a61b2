import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import { SILENCE, type Silence } from "../stage.ts";
import type { World } from "../world.ts";
import type { OffsetAuditor } from "./offset-auditor.ts";

export const TOPIC = "orders";
export const GROUP = "billing";
export const CALL_MS = 15_000;

/** The surroundings of an actor. */
export interface Stage {
  readonly world: World;
  readonly auditor: OffsetAuditor;
  readonly queues: number;
  over(): boolean;
  ask<T>(verb: (broker: RunningBroker) => Promise<T>): Promise<T | BrokerError | Silence>;
}

/** The answer, if there is one. */
export async function told<T>(stage: Stage, verb: (broker: RunningBroker) => Promise<T>): Promise<T | undefined> {
  const answer = await stage.ask(verb);
  return answer === SILENCE || BrokerError.is(answer) ? undefined : answer;
}

export async function pause({ world, over }: Stage, leastMs: number, mostMs: number): Promise<boolean> {
  await world.sleep(world.random.integer(leastMs, mostMs));
  return !over();
}
