import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Yielding } from "../../core/ports/reading.ts";

/** Background work goes on for so long before it rests. */
const SLICE_MS = 2;
/** How long it rests: nine times as long where the others need the time, and next to nothing where they do not. */
const REST_MS = { busy: 18, quiet: 1 } as const;
/**
 * The others are busy if they use more than this share of the time that is left to them. Those that wait for a slow disk use little of
 * it, and a request that waits for a slice at each of its steps waits long.
 */
const BUSY = 0.05;
/** By what they did during about so much rest. */
const REMEMBERED_MS = 60;

/** How long an event loop has worked and waited so far. */
export interface LoopTime {
  readonly active: number;
  readonly idle: number;
}

interface EventLoop {
  /** Milliseconds since some moment. */
  nowMs(): number;
  spent(): LoopTime;
  sleep(ms: number): Promise<void>;
}

const ownLoop: EventLoop = {
  nowMs: () => performance.now(),
  spent: () => performance.eventLoopUtilization(),
  sleep: (ms) => sleep(ms),
};

/**
 * Gives background work the time of the event loop that nobody else wants, and a tenth of it where others want all. While it rests,
 * what the loop does is the others' work: that is how busy they are.
 */
export class SpareTime implements Yielding {
  readonly #loop: EventLoop;
  #sliceBeganMs: number;
  #rested: LoopTime = { active: 0, idle: 0 };

  constructor(loop: EventLoop = ownLoop) {
    this.#loop = loop;
    this.#sliceBeganMs = loop.nowMs();
  }

  async pause(): Promise<void> {
    if (this.#loop.nowMs() - this.#sliceBeganMs < SLICE_MS) return;
    const before = this.#loop.spent();
    await this.#loop.sleep(this.#isBusy ? REST_MS.busy : REST_MS.quiet);
    const after = this.#loop.spent();
    this.#remember(after.active - before.active, after.idle - before.idle);
    this.#sliceBeganMs = this.#loop.nowMs();
  }

  get #isBusy(): boolean {
    const { active, idle } = this.#rested;
    return active > BUSY * (active + idle);
  }

  #remember(active: number, idle: number): void {
    const before = this.#rested;
    const kept = before.active + before.idle > REMEMBERED_MS ? 0.5 : 1;
    this.#rested = { active: kept * before.active + active, idle: kept * before.idle + idle };
  }
}
