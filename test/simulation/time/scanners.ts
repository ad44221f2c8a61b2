import { BrokerError } from "../../../core/errors.ts";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import { SCAN_TICK_MS } from "../../../core/timer/timer-limits.ts";
import type { Handler } from "../handler.ts";
import type { World } from "../world.ts";

/** As the scanner's function does. */
const RUN_MS = 65_000;
const START_MS_MAX = 300;

export interface ScheduleFaults {
  /** How many scanners a tick starts, one of these. */
  readonly scannersPerTick: readonly number[];
  readonly ringLost: number;
}

export const PUNCTUAL: ScheduleFaults = { scannersPerTick: [1], ringLost: 0 };

interface Worker {
  readonly handler: Handler;
  readonly name: string;
  busy: boolean;
}

/** The schedule that starts a scanner every minute, and the doorbell that starts one in between. */
export class Scanners implements Doorbell {
  readonly #world: World;
  readonly #startHandler: (name: string) => Handler;
  readonly #faults: () => ScheduleFaults;
  readonly #workers: Worker[] = [];
  readonly #fail: (error: unknown) => void;

  /** `fail` hears of what a scanner threw that it may not. */
  constructor(
    world: World,
    startHandler: (name: string) => Handler,
    faults: () => ScheduleFaults,
    fail: (error: unknown) => void,
  ) {
    this.#world = world;
    this.#fail = fail;
    this.#startHandler = startHandler;
    this.#faults = faults;
    this.#tick(world.nowMs + world.random.integer(0, SCAN_TICK_MS));
  }

  async ring(): Promise<void> {
    if (this.#world.random.chance(this.#faults().ringLost)) return;
    this.#start(true);
  }

  #tick(atMs: number): void {
    this.#world.at(atMs, () => {
      for (let count = this.#world.random.pick(this.#faults().scannersPerTick); count > 0; count--) this.#start(false);
      this.#tick(atMs + SCAN_TICK_MS);
    });
  }

  #start(rung: boolean): void {
    const { nowMs, random } = this.#world;
    this.#world.at(nowMs + random.integer(20, START_MS_MAX), () => {
      this.#run(this.#idleWorker(), rung).catch(this.#fail);
    });
  }

  async #run(worker: Worker, rung: boolean): Promise<void> {
    worker.busy = true;
    try {
      const broker = await worker.handler.broker;
      await broker.scan({ untilMs: this.#world.nowMs + worker.handler.skewMs + RUN_MS, rung });
    } catch (error) {
      if (BrokerError.is(error) && error.code !== "INTERNAL_ERROR") return;
      if ((error as Error).name !== "StoreUnavailable") throw error;
      worker.handler.crash();
    } finally {
      worker.busy = false;
    }
  }

  /** As a function's instances: one that waits, or a new one. Those that died are busy for ever. */
  #idleWorker(): Worker {
    const waiting = this.#workers.find(({ busy, handler }) => !busy && !handler.crashed);
    if (waiting) return waiting;
    const name = `s${this.#workers.length}`;
    const worker = { name, handler: this.#startHandler(name), busy: false };
    this.#workers.push(worker);
    return worker;
  }
}
