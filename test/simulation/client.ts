import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import { StoreCorrupt, StoreUnavailable } from "../../core/ports/store-failures.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { Handler } from "./handler.ts";
import { SILENCE, type Silence } from "./stage.ts";
import type { World } from "./world.ts";

/** How often a call finds its handler replaced by a new one. */
const REPLACED = 0.01;

/** A client of all handlers: picks one (a new one for a dead one), and gives up after a while. The handler may go on. */
export class Client {
  readonly handlers: Handler[];
  readonly #world: World;
  readonly #start: (name: string) => Handler;
  readonly #auditor: Auditor;
  readonly #meddle: (broker: RunningBroker) => RunningBroker;

  constructor(
    world: World,
    count: number,
    start: (name: string) => Handler,
    between: {
      readonly auditor: Auditor;
      readonly meddle?: ((broker: RunningBroker) => RunningBroker) | undefined;
    },
  ) {
    this.#world = world;
    this.#start = start;
    this.#auditor = between.auditor;
    this.#meddle = between.meddle ?? ((broker) => broker);
    this.handlers = Array.from({ length: count }, (_, index) => start(`h${index}`));
  }

  async ask<T>(verb: (broker: RunningBroker) => Promise<T>, timeoutMs: number): Promise<T | BrokerError | Silence> {
    const handler = this.#any();
    const answer = handler.broker
      .then((broker) => verb(this.#meddle(broker)))
      .catch((error: unknown) => this.#failed(handler, error));
    return Promise.race([answer, this.#world.sleep(timeoutMs).then((): Silence => SILENCE)]);
  }

  #any(): Handler {
    const { random } = this.#world;
    const index = random.integer(0, this.handlers.length - 1);
    // A sole process is never replaced.
    const replaced = this.handlers.length > 1 && random.chance(REPLACED);
    if (this.handlers[index]?.crashed || replaced) this.handlers[index] = this.#start(`h${index}`);
    return this.handlers[index] as Handler;
  }

  #failed(handler: Handler, error: unknown): BrokerError | Silence {
    if (BrokerError.is(error) && error.code !== "INTERNAL_ERROR") return error;
    // A handler whose store does not answer does not exist yet.
    if (StoreUnavailable.is(error)) handler.crash();
    else if (StoreCorrupt.is(error)) this.#auditor.corrupt(error.message);
    else this.#auditor.violations.add("E", String(error));
    return SILENCE;
  }
}
