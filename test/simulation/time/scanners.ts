import { BrokerError } from "../../../core/errors.ts";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import { SCAN_TICK_MS } from "../../../core/timer/timer-limits.ts";
import type { Handler } from "../handler.ts";
import type { World } from "../world.ts";

/** As in the scanner's function: longer than a tick and, while it is behind, for as long as it may. */
const RUN_MS = 65_000;
const BEHIND_RUN_MS = 290_000;
const START_MS_MAX = 300;
/** The most runs that failures start in a row. */
const RUNS_AFTER_FAILURE_MAX = 3;

export interface ScheduleFaults {
  /** How many scanners a tick starts: one of these numbers. */
  readonly scannersPerTick: readonly number[];
  readonly ringLost: number;
}

export const PUNCTUAL: ScheduleFaults = { scannersPerTick: [1], ringLost: 0 };

/** The schedule, which starts a scanner every minute, and the doorbell, which starts one in between. */
export class Scanners implements Doorbell {
  readonly #world: World;
  readonly #startHandler: (name: string) => Handler;
  readonly #faults: () => ScheduleFaults;
  #workers: Handler[] = [];
  /** Scanners at work, of whatever version, and those that died at work. */
  readonly #busy = new Set<Handler>();
  #started = 0;
  readonly #fail: (error: unknown) => void;

  /** `fail` is told of errors that a scanner must not throw. */
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

  /** Kills a running scanner. Answers whether there was one. */
  kill(): boolean {
    const running = [...this.#busy].filter(({ crashed }) => !crashed);
    if (running.length > 0) this.#world.random.pick(running).crash();
    return running.length > 0;
  }

  /** Scanners that start from now on are of a new version. Runs under way go on. */
  replace(): void {
    this.#workers = [];
  }

  #tick(atMs: number): void {
    this.#world.at(atMs, () => {
      for (let count = this.#world.random.pick(this.#faults().scannersPerTick); count > 0; count--) this.#start(false);
      this.#tick(atMs + SCAN_TICK_MS);
    });
  }

  #start(rung: boolean, failedBefore = 0): void {
    const { nowMs, random } = this.#world;
    this.#world.at(nowMs + random.integer(20, START_MS_MAX), () => {
      this.#run(this.#idleWorker(), rung)
        .then((done) => {
          if (!done && failedBefore < RUNS_AFTER_FAILURE_MAX) this.#start(rung, failedBefore + 1);
        })
        .catch(this.#fail);
    });
  }

  /** Answers whether the run succeeded. */
  async #run(worker: Handler, rung: boolean): Promise<boolean> {
    this.#busy.add(worker);
    try {
      const broker = await worker.broker;
      const nowMs = this.#world.nowMs + worker.skewMs;
      await broker.scan({ untilMs: nowMs + RUN_MS, behindUntilMs: nowMs + BEHIND_RUN_MS, rung });
      return true;
    } catch (error) {
      if (BrokerError.is(error) && error.code !== "INTERNAL_ERROR") return false;
      if ((error as Error).name !== "StoreUnavailable") throw error;
      worker.crash();
      return false;
    } finally {
      this.#busy.delete(worker);
    }
  }

  /** As with a function's instances: an idle one, or a new one. Those that died stay busy for ever. */
  #idleWorker(): Handler {
    const waiting = this.#workers.find((worker) => !this.#busy.has(worker) && !worker.crashed);
    if (waiting) return waiting;
    const worker = this.#startHandler(`s${this.#started++}`);
    this.#workers.push(worker);
    return worker;
  }
}
