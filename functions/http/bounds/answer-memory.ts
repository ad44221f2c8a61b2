import { BrokerError } from "../../../core/errors.ts";
import type { Reading } from "../../../core/ports/reading.ts";
import { Rounds } from "../../runtime/rounds.ts";

/** Reads for answers that run at once. Each may return 4 MiB. */
const READS_MAX = 8;
/** Rendering an answer of this size takes milliseconds of processor time. */
const LARGE_BYTES = 512 * 1_024;
/** A client that has read nothing of an answer for this long may lose it if others wait for the memory. */
const UNTAKEN_MS = 2_000;
/** After this wait a request is refused and told to come again. */
const WAIT_MS_MAX = 10_000;
const LOOK_MS = 100;

interface Held {
  readonly bytes: number;
  readonly sinceMs: number;
  /** Abandons the answer. */
  readonly cut: () => void;
}

interface Waiter {
  readonly untilMs: number;
  readonly go: () => void;
  readonly refuse: (error: BrokerError) => void;
}

/**
 * Bounds the memory of answers, over all connections of a process. A few are read at once, and only while unsent answers leave room.
 * Clients that do not read their answers are cut off if others wait. Each large answer is rendered in a round of the event loop of its
 * own.
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
      // By the next round the read's result is being sent, and counted.
      if (this.#waiters.length > 0) this.#rounds.start();
    }
  }

  pause(): Promise<void> {
    return this.#rounds.pause();
  }

  /** Counts an unsent answer until the returned function is called. `cut` abandons the answer. */
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

  /** Makes room for waiting reads, and refuses those that have waited too long. */
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
