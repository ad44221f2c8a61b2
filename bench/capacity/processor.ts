import type { World } from "../../test/simulation/world.ts";

/** The memory of a function that gives it a whole processor. Source: "Configure Lambda function memory". */
const MIB_PER_PROCESSOR = 1_769;

/** The share of a processor that one process gets. Its work is done one piece after the other, as in Node.js. */
export class Processor {
  readonly #world: World;
  readonly #share: number;
  #freeAtMs = 0;
  /** How long it has worked so far. */
  busyMs = 0;
  longestWaitMs = 0;

  /** `memoryMiB`: of the function; infinite for one whose work takes no time. */
  constructor(world: World, memoryMiB: number) {
    this.#world = world;
    this.#share = memoryMiB === Number.POSITIVE_INFINITY ? memoryMiB : Math.min(1, memoryMiB / MIB_PER_PROCESSOR);
  }

  /** Resolves when work of so many microseconds of a whole processor is done. */
  async work(microseconds: number): Promise<void> {
    const { nowMs } = this.#world;
    const startsAtMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = startsAtMs + microseconds / 1_000 / this.#share;
    this.busyMs += this.#freeAtMs - startsAtMs;
    this.longestWaitMs = Math.max(this.longestWaitMs, startsAtMs - nowMs);
    if (this.#freeAtMs > nowMs) await this.#world.sleep(this.#freeAtMs - nowMs);
  }
}
