import { BrokerError } from "../../../core/errors.ts";
import type { Reading } from "../../../core/ports/reading.ts";
import { Rounds } from "../../runtime/rounds.ts";

/** Reads for answers under way at once; what each finds may be 4 MiB. */
const READS_MAX = 8;
/** Making such an answer takes the processor for milliseconds. */
const LARGE_BYTES = 512 * 1_024;
/** A client that has left an answer untaken for so long may lose it where others wait for the memory. */
const UNTAKEN_MS = 2_000;
/** Who has waited so long is told to come again. */
const WAIT_MS_MAX = 10_000;
const LOOK_MS = 100;

interface Held {
  readonly bytes: number;
  readonly sinceMs: number;
  /** Gives the answer up. */
  readonly cut: () => void;
}

interface Waiter {
  readonly untilMs: number;
  readonly go: () => void;
  readonly refuse: (error: BrokerError) => void;
}

/**
 * Bounds what answers hold, over all connections of a process: a few are read at once, and only while those that are not sent yet
 * leave room. Clients that do not take what they asked for are cut off where others wait. Large answers are made in rounds of the
 * event loop of their own.
 */
export class AnswerMemory implements Reading {
  readonly #bytesMax: number;
  readonly #rounds = new Rounds(() => this.#goOn());
  /** In the order in which they were made. */
  readonly #held = new Set<Held>();
  readonly #waiters: Waiter[] = [];
  #bytes = 0;
  #reads = 0;
  #looking: NodeJS.Timeout | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  async admit<T>(read: () => Promise<T>, bytesOf: (found: T) => number): Promise<T> {
    if (this.#waiters.length === 0 && this.#hasMemory && this.#rounds.mayBegin) this.#begin();
    else await this.#turn();
    try {
      const found = await read();
      if (bytesOf(found) >= LARGE_BYTES) await this.#rounds.own();
      return found;
    } finally {
      this.#reads -= 1;
      // By the next round what was found is on its way, and counted.
      if (this.#waiters.length > 0) this.#rounds.start();
    }
  }

  pause(): Promise<void> {
    return this.#rounds.pause();
  }

  /** Counts an answer that is not sent yet, until the function is called that this returns. `cut` gives the answer up. */
  hold(bytes: number, cut: () => void): () => void {
    const held = { bytes, sinceMs: performance.now(), cut };
    this.#held.add(held);
    this.#bytes += bytes;
    return () => {
      this.#release(held);
      if (this.#waiters.length > 0) this.#rounds.start();
    };
  }

  #release(held: Held): void {
    if (this.#held.delete(held)) this.#bytes -= held.bytes;
  }

  get #hasMemory(): boolean {
    return this.#reads < READS_MAX && this.#bytes < this.#bytesMax;
  }

  #begin(): void {
    this.#reads += 1;
    this.#rounds.begin();
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ untilMs: performance.now() + WAIT_MS_MAX, go: resolve, refuse: reject });
      this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
    });
  }

  #goOn(): void {
    while (this.#waiters.length > 0 && this.#hasMemory && this.#rounds.mayBegin) {
      this.#begin();
      this.#waiters.shift()?.go();
    }
    if (this.#waiters.length === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    } else if (this.#hasMemory) this.#rounds.start();
  }

  /** Makes room where those who wait have none, and sends away who has waited too long. */
  #look(): void {
    const nowMs = performance.now();
    for (const held of this.#held) {
      if (this.#bytes < this.#bytesMax || nowMs - held.sinceMs < UNTAKEN_MS) break;
      this.#release(held);
      held.cut();
    }
    while (this.#waiters[0] !== undefined && this.#waiters[0].untilMs <= nowMs) {
      const detail = "Too much is being read, or left unread by other clients.";
      this.#waiters.shift()?.refuse(new BrokerError("SERVER_BUSY", detail));
    }
    this.#rounds.start();
  }
}
