import type { Handler } from "../../handler.ts";
import type { World } from "../../world.ts";

interface Server {
  readonly handler: Handler;
  readonly leaving: AbortController;
}

/** Servers that scan by themselves, by name: one that is started in the place of another lets that one go. */
export class Servers {
  readonly #world: World;
  readonly #startHandler: (name: string) => Handler;
  readonly #fail: (error: unknown) => void;
  readonly #servers = new Map<string, Server>();

  /** `fail` hears of what a server threw that it may not. */
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

  /** Whoever looks after servers starts those again that died. */
  async startAgain(everyMs: number): Promise<never> {
    for (;;) {
      await this.#world.sleep(everyMs);
      for (const [name, { handler }] of this.#servers) if (handler.crashed) this.start(name);
    }
  }

  /** One of them dies. */
  kill(): void {
    const living = [...this.#servers.values()].filter(({ handler }) => !handler.crashed);
    if (living.length > 0) this.#world.random.pick(living).handler.crash();
  }

  async #keepGoing({ handler, leaving }: Server): Promise<void> {
    // Where it cannot even open its store, whoever calls it hears so.
    const broker = await handler.broker.catch(() => undefined);
    await broker?.keepGoing(leaving.signal);
  }
}
