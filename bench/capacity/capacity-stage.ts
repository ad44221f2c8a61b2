import { MemoryItemStore } from "../../adapters/memory/memory-item-store.ts";
import { MemoryObjectStore } from "../../adapters/memory/memory-object-store.ts";
import { SHARED_STORE } from "../../core/broker-settings.ts";
import { createBroker, type RunningBroker } from "../../core/create-broker.ts";
import type { ItemStore } from "../../core/ports/item-store.ts";
import type { ObjectStore } from "../../core/ports/object-store.ts";
import { deflateCompressor } from "../../functions/runtime/compressor.ts";
import { hmacSigner } from "../../functions/runtime/signer.ts";
import { World } from "../../test/simulation/world.ts";
import { SeededRandom } from "../../test/support/seeded-random.ts";
import { BusyTable, type TableOptions } from "./busy-table.ts";
import { distantObjects } from "./distant-objects.ts";
import { itemsOf, objectsOf, type ProcessorTimes } from "./one-process.ts";
import { Processor } from "./processor.ts";

/** The scheduled scanner as it is deployed. */
export interface Scanners {
  /** The most runs at once: a tick that finds as many starts none. */
  readonly atOnce: number;
  /** The memory of each; infinite: its work takes no time. */
  readonly memoryMiB: number;
  readonly times: ProcessorTimes;
  readonly tickMs: number;
}

export const TICK_MS = 60_000;
/** As in `functions/lambda/scanner-function.ts`. */
const RUN_MS_MAX = 65_000;
const RUN_MS_BEHIND = 290_000;
/** The time of a cold start. */
const START_MS = 500;

/** The broker as it runs on AWS, in a world whose clock jumps: over a table with limits, in processes with a share of a processor. */
export class CapacityStage {
  readonly table: BusyTable;
  /** The stored items, without distance and limits, for setting up. */
  readonly items: ItemStore = new MemoryItemStore();
  readonly processors: Processor[] = [];
  readonly failures: unknown[] = [];
  readonly #world = new World(new SeededRandom(7));
  readonly #objects: ObjectStore = new MemoryObjectStore();
  readonly #shards: number;
  #seed = 0;

  constructor(shards: number, options?: TableOptions) {
    this.#shards = shards;
    this.table = new BusyTable(this.#world, this.items, options);
  }

  nowMs(): number {
    return Math.floor(this.#world.nowMs);
  }

  /** The time that the processors of all scanners have worked. */
  busyMs(): number {
    return this.processors.reduce((sum, { busyMs }) => sum + busyMs, 0);
  }

  pass(ms: number): Promise<void> {
    return this.#world.sleep(ms);
  }

  /** A broker whose calls take no time. */
  setUp(): Promise<RunningBroker> {
    return this.#broker(this.items, this.#objects);
  }

  /** The schedule, until `over`: each tick starts a run in a process of its own. */
  async scan(scanners: Scanners, over: () => boolean): Promise<void> {
    const running = new Set<Promise<void>>();
    while (!over()) {
      if (running.size < scanners.atOnce) {
        const run = this.#run(scanners)
          .catch((error: unknown) => void this.failures.push(error))
          .finally(() => running.delete(run));
        running.add(run);
      }
      await this.pass(scanners.tickMs);
    }
  }

  async #run({ memoryMiB, times }: Scanners): Promise<void> {
    const processor = new Processor(this.#world, memoryMiB);
    this.processors.push(processor);
    await this.pass(START_MS);
    const items = itemsOf(this.table.store(), processor, times);
    const broker = await this.#broker(items, objectsOf(distantObjects(this.#world, this.#objects), processor, times));
    const startedMs = this.nowMs();
    await broker.scan({ untilMs: startedMs + RUN_MS_MAX, behindUntilMs: startedMs + RUN_MS_BEHIND });
  }

  #broker(items: ItemStore, objects: ObjectStore): Promise<RunningBroker> {
    return createBroker({
      items,
      objects,
      clock: { nowMs: () => this.nowMs(), sleep: (ms, signal) => this.#world.sleep(ms, signal) },
      random: new SeededRandom(++this.#seed),
      signer: hmacSigner,
      compressor: deflateCompressor,
      settings: SHARED_STORE,
      timerShards: this.#shards,
      onFailure: (error) => this.failures.push(error),
    });
  }

  /** Runs the world until `story` has ended. */
  async play<T>(story: () => Promise<T>): Promise<T> {
    let ended = false;
    const outcome = story().finally(() => {
      ended = true;
    });
    outcome.catch(() => undefined);
    await this.#world.run(() => ended);
    return outcome;
  }
}
