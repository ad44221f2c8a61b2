import type { Handler } from "../../handler.ts";
import type { World } from "../../world.ts";

interface Server {
  readonly handler: Handler;
  readonly leaving: AbortController;
}

/** Servers that scan by themselves, by name. Starting one under a name drops the earlier one. */
export class Servers {
  readonly #world: World;
  readonly #startHandler: (name: string) => Handler;
  readonly #fail: (error: unknown) => void;
  readonly #servers = new Map<string, Server>();

  /** `fail` is told of errors that a server must not throw. */
  constructor(world: World, startHandler: (name: string) => Handler, fail: (error: unknown) => void) {
    this.#world = world;
    this.#startHandler = startHandler;
    this.#fail = fail;
  }

  start(name: string): Handler {
    this.#servers.get(name)?.leaving.abort();
    const server = { handler: this.#startHandler(name), leaving: new AbortController() };
    this.#servers.set(name, server);
    this.#keepGoing(server).catch(this.#fail);
    return server.handler;
  }

  /** The supervisor, which restarts dead servers. */
  async startAgain(everyMs: number): Promise<never> {
    for (;;) {
      await this.#world.sleep(everyMs);
      for (const [name, { handler }] of this.#servers) if (handler.crashed) this.start(name);
    }
  }

  /** Kills one of them. */
  kill(): void {
    const living = [...this.#servers.values()].filter(({ handler }) => !handler.crashed);
    if (living.length > 0) this.#world.random.pick(living).handler.crash();
  }

  async #keepGoing({ handler, leaving }: Server): Promise<void> {
    // If it cannot open its store, its callers are told.
    const broker = await handler.broker.catch(() => undefined);
    await broker?.keepGoing(leaving.signal);
  }
}
