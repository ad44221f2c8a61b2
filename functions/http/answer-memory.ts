import { BrokerError } from "../../core/errors.ts";
import type { Reading } from "../../core/ports/reading.ts";

/** Reads for answers under way at once; what each finds may be 4 MiB. */
const READS_MAX = 8;
/** A client that has left an answer untaken for so long may lose it where others wait for the memory. */
const UNTAKEN_MS = 2_000;
/** Who has waited so long for memory is told to come again. */
const WAIT_MS_MAX = 10_000;
const LOOK_MS = 100;
/** An answer of so many bytes takes the processor for milliseconds: others get their turn before the next one. */
const LARGE_BYTES = 64 * 1_024;
/** Their turn, in times that the large answer took. A round of the event loop accepts one connection, so it takes a few. */
const REST = 0.5;
/** Where a round of the event loop took longer, the next begins one read; otherwise twice as many as the last. */
const QUICK_MS = 5;
const IDLE_MS = 100;

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
 * leave room. Clients that do not take what they asked for are cut off where others wait.
 *
 * It also spreads the work of large answers over rounds of the event loop, which would hold up every other request otherwise: in
 * each round as many reads begin as turned out to be quick, and one large answer is made.
 */
export class AnswerMemory implements Reading {
  readonly #bytesMax: number;
  /** In the order in which they were made. */
  readonly #held = new Set<Held>();
  readonly #waiters: Waiter[] = [];
  /** Large answers whose round has not come. */
  readonly #large: (() => void)[] = [];
  #bytes = 0;
  #reads = 0;
  /** Reads begun in this round, and how many may. */
  #begun = 0;
  #quota = 1;
  #roundMs: number | undefined;
  #lastRoundMs = 0;
  #resting = false;
  #looking: NodeJS.Timeout | undefined;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesHeld(): number {
    return this.#bytes;
  }

  async admit<T>(read: () => Promise<T>, bytesOf: (found: T) => number): Promise<T> {
    if (this.#waiters.length > 0 || !this.#hasRoom) await this.#turn();
    else this.#begin();
    try {
      const found = await read();
      if (bytesOf(found) >= LARGE_BYTES) await this.#ownRound();
      return found;
    } finally {
      this.#reads -= 1;
      // By then what was found is on its way, and counted.
      if (this.#waiters.length > 0) this.#startRound();
    }
  }

  /** Counts an answer that is not sent yet, until the function is called that this returns. `cut` gives the answer up. */
  hold(bytes: number, cut: () => void): () => void {
    const held = { bytes, sinceMs: performance.now(), cut };
    this.#held.add(held);
    this.#bytes += bytes;
    return () => {
      this.#release(held);
      this.#goOn();
    };
  }

  #release(held: Held): void {
    if (this.#held.delete(held)) this.#bytes -= held.bytes;
  }

  get #hasRoom(): boolean {
    return this.#begun < this.#quota && this.#hasMemory;
  }

  get #hasMemory(): boolean {
    return this.#reads < READS_MAX && this.#bytes < this.#bytesMax;
  }

  #begin(): void {
    this.#reads += 1;
    this.#begun += 1;
    this.#startRound();
  }

  #ownRound(): Promise<void> {
    return new Promise((resolve) => {
      this.#large.push(resolve);
      this.#startRound();
    });
  }

  #startRound(): void {
    if (this.#roundMs !== undefined) return;
    this.#roundMs = performance.now();
    if (this.#roundMs - this.#lastRoundMs > IDLE_MS) this.#quota = 1;
    setImmediate(() => this.#round(this.#roundMs ?? 0));
  }

  #round(startedMs: number): void {
    this.#roundMs = undefined;
    this.#lastRoundMs = performance.now();
    this.#begun = 0;
    this.#quota = this.#lastRoundMs - startedMs > QUICK_MS ? 1 : Math.min(READS_MAX, 2 * this.#quota);
    if (this.#large.length > 0 && !this.#resting) this.#makeLarge();
    else this.#goOn();
    if (this.#waiters.length > 0 && this.#hasMemory) this.#startRound();
  }

  #makeLarge(): void {
    this.#resting = true;
    const startedMs = performance.now();
    this.#large.shift()?.();
    setImmediate(() => {
      setTimeout(
        () => {
          this.#resting = false;
          if (this.#large.length > 0) this.#startRound();
        },
        REST * (performance.now() - startedMs),
      );
    });
  }

  #turn(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ untilMs: performance.now() + WAIT_MS_MAX, go: resolve, refuse: reject });
      this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
    });
  }

  #goOn(): void {
    while (this.#waiters.length > 0 && this.#hasRoom) {
      this.#begin();
      this.#waiters.shift()?.go();
    }
    if (this.#waiters.length === 0) {
      clearInterval(this.#looking);
      this.#looking = undefined;
    }
  }

  #look(): void {
    const nowMs = performance.now();
    for (const held of this.#held) {
      if (this.#bytes < this.#bytesMax || nowMs - held.sinceMs < UNTAKEN_MS) break;
      this.#release(held);
      held.cut();
    }
    while (this.#waiters[0] !== undefined && this.#waiters[0].untilMs <= nowMs) {
      const detail = "Answers that other clients have not taken fill the memory for them.";
      this.#waiters.shift()?.refuse(new BrokerError("SERVER_BUSY", detail));
    }
    this.#goOn();
  }
}
