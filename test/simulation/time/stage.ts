import type { RunningBroker } from "../../../core/create-broker.ts";
import { BrokerError } from "../../../core/errors.ts";
import type { SendReceipt } from "../../../core/terms.ts";
import type { Handler } from "../handler.ts";
import type { World } from "../world.ts";
import type { OnceAuditor } from "./once-auditor.ts";
import type { TimerAuditor } from "./timer-auditor.ts";
import type { TransactionAuditor } from "./transaction-auditor.ts";

/** A topic for everything: delays, message groups, keys, transactions. */
export const JOBS = "jobs";
/** A topic that is deleted and made anew. */
export const DOOMED = "doomed";

/** The surroundings of an actor. */
export interface Stage {
  readonly world: World;
  readonly timers: TimerAuditor;
  readonly once: OnceAuditor;
  readonly transactions: TransactionAuditor;
  readonly client: Client;
  /** The time in whole milliseconds, as on a clock. */
  nowMs(): number;
  over(): boolean;
  /** A pause between two steps of an actor. */
  pause(mostMs: number): Promise<void>;
}

/** `unknown`: it may have happened, or may still. */
export type Answer<T> = T | BrokerError | "unknown";

/** Picks any handler for each call (a new one for a dead one), and gives up after a while. The handler may go on. */
export class Client {
  readonly #world: World;
  readonly #startHandler: (name: string) => Handler;
  readonly #handlers: Handler[];

  constructor(world: World, startHandler: (name: string) => Handler, handlers: number) {
    this.#world = world;
    this.#startHandler = startHandler;
    this.#handlers = Array.from({ length: handlers }, (_, index) => startHandler(`h${index}`));
  }

  /** Replaces all handlers by a new version. Calls under way go on. */
  replaceAll(): void {
    for (const [index, { name }] of this.#handlers.entries()) this.#handlers[index] = this.#startHandler(name);
  }

  async call<T>(verb: (broker: RunningBroker) => Promise<T>, timeoutMs = 15_000): Promise<Answer<T>> {
    const index = this.#world.random.integer(0, this.#handlers.length - 1);
    const before = this.#handlers[index] as Handler;
    const handler = before.crashed || this.#world.random.chance(0.01) ? this.#startHandler(before.name) : before;
    this.#handlers[index] = handler;
    const answer = handler.broker.then(verb).catch((error: unknown): BrokerError | "unknown" => {
      if (BrokerError.is(error)) return told(error);
      // The handler could not open its store, so it does not exist.
      if ((error as Error).name !== "StoreUnavailable") throw error;
      handler.crash();
      return "unknown";
    });
    return Promise.race([answer, this.#world.sleep(timeoutMs).then((): "unknown" => "unknown")]);
  }
}

/** What a caller may conclude from an error. An error outside the contract is thrown. */
function told(error: BrokerError): BrokerError | "unknown" {
  if (error.code === "INTERNAL_ERROR") throw error;
  return error.code === "REQUEST_TIMEOUT" ? "unknown" : error;
}

/** The answer to each entry of a send. */
export async function send(
  { client }: Pick<Stage, "client">,
  topic: string,
  entries: Parameters<RunningBroker["sendMessages"]>[1],
): Promise<readonly Answer<SendReceipt>[]> {
  const answer = await client.call((broker) => broker.sendMessages(topic, entries));
  if (answer === "unknown" || BrokerError.is(answer)) return entries.map(() => answer);
  return answer.map((result) => (BrokerError.is(result) ? told(result) : result));
}
