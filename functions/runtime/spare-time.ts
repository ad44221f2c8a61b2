import { performance } from "node:perf_hooks";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Yielding } from "../../core/ports/reading.ts";

/** Background work goes on for so long before others have their turn. */
const SLICE_MS = 2;
/** How long it rests where the others leave time: long enough to learn whether they still do. */
const QUIET_REST_MS = 2;
/** After so much work there. In between it rests for no longer than others have something to do. */
const QUIET_WORK_MS = 40;
/**
 * The others were busy in a rest if they used more than this share of it. Those that wait for a slow disk use little of it, and a request
 * that waits for a slice at each of its steps waits long.
 */
const BUSY = 0.08;
/**
 * By most of so many rests. One or two tell nothing: the garbage of the background is collected while it rests, and what it has asked of
 * the disk is answered.
 */
const REMEMBERED = 5;

const GB = 1e9;
/** The share of a busy loop that background work gets, by what it has left: `least` up to so many bytes, then more and more. */
const SHARES = { least: { share: 0.1, bytes: 1 * GB }, most: { share: 1 / 3, bytes: 3 * GB } } as const;

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
  /** Lets everything run that could run now. */
  turn(): Promise<void>;
}

const ownLoop: EventLoop = {
  nowMs: () => performance.now(),
  spent: () => performance.eventLoopUtilization(),
  sleep: (ms) => sleep(ms),
  turn: () => turn(),
};

/**
 * Gives background work the time of the event loop that nobody else wants, and a share of it where others want all: a tenth while no more
 * than 1 GB of work is left, a third from 3 GB on, and between them in proportion. So a backlog slows down what adds to it, however long
 * that goes on.
 *
 * While it rests, what the loop does is the others' work: that is how busy they are. Several works share one slice and one rest.
 */
export class SpareTime implements Yielding {
  readonly #loop: EventLoop;
  #sliceBeganMs: number;
  #restedAtMs: number;
  /** Whether the others were busy in the latest rests. */
  readonly #wereBusy: boolean[] = [];
  #left = 0;
  /** The rest or turn that goes on. */
  #resting: Promise<void> | undefined;
  /** When the last work began to wait for it. */
  #before: LoopTime;

  constructor(loop: EventLoop = ownLoop) {
    this.#loop = loop;
    this.#sliceBeganMs = loop.nowMs();
    this.#restedAtMs = this.#sliceBeganMs;
    this.#before = loop.spent();
  }

  /** How many bytes of work are left. */
  leaves(bytes: number): void {
    this.#left = bytes;
  }

  async pause(): Promise<void> {
    if (this.#resting === undefined && this.#loop.nowMs() - this.#sliceBeganMs < SLICE_MS) return;
    // What another work did until now, in a rest that goes on, was not the others'.
    this.#before = this.#loop.spent();
    this.#resting ??= this.#rest().finally(() => {
      this.#resting = undefined;
    });
    await this.#resting;
  }

  async #rest(): Promise<void> {
    const isBusy = this.#isBusy;
    if (!isBusy && this.#loop.nowMs() - this.#restedAtMs < QUIET_WORK_MS) await this.#loop.turn();
    else {
      await this.#loop.sleep(isBusy ? this.#busyRestMs : QUIET_REST_MS);
      const { active, idle } = this.#loop.spent();
      this.#remember(active - this.#before.active, idle - this.#before.idle);
      this.#restedAtMs = this.#loop.nowMs();
    }
    this.#sliceBeganMs = this.#loop.nowMs();
  }

  get #isBusy(): boolean {
    return this.#wereBusy.filter((busy) => busy).length > REMEMBERED / 2;
  }

  /** So long that a slice is the background's share of both together. */
  get #busyRestMs(): number {
    const { least, most } = SHARES;
    const behind = Math.min(1, Math.max(0, (this.#left - least.bytes) / (most.bytes - least.bytes)));
    const share = least.share + behind * (most.share - least.share);
    return SLICE_MS / share - SLICE_MS;
  }

  #remember(active: number, idle: number): void {
    this.#wereBusy.push(active > BUSY * (active + idle));
    if (this.#wereBusy.length > REMEMBERED) this.#wereBusy.shift();
  }
}
