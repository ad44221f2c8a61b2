/** If a round took longer, one small task may begin in the next; otherwise twice as many as before. */
const QUICK_MS = 5;
const SMALL_MAX = 16;
const IDLE_MS = 100;
/** How long others have the event loop after a large task, as a multiple of its time. A round accepts only one connection. */
const REST = 1;

/**
 * Spreads work over rounds of the event loop, so that its sum does not hold up the rest of the process. In each round as many small
 * tasks begin as turned out to be quick, and one large task is done.
 */
export class Rounds {
  readonly #onRound: () => void;
  /** Large tasks that wait for their round. */
  readonly #large: (() => void)[] = [];
  #resting = false;
  /** How many small tasks began in this round, and how many may. */
  #begun = 0;
  #quota = 1;
  /** When the next round was requested. */
  #startedMs: number | undefined;
  #lastMs = 0;

  /** `onRound` begins waiting small tasks. */
  constructor(onRound: () => void) {
    this.#onRound = onRound;
  }

  get mayBegin(): boolean {
    return this.#begun < this.#quota;
  }

  /** A small task begins. */
  begin(): void {
    this.#begun += 1;
    this.start();
  }

  /** Resolves in a round in which no other large task is done. */
  own(): Promise<void> {
    return new Promise((resolve) => {
      this.#large.push(resolve);
      this.start();
    });
  }

  /** To be called repeatedly within a large task: after some milliseconds, the rest of the task waits for another round. */
  async pause(): Promise<void> {
    if (performance.now() - this.#lastMs >= QUICK_MS) await this.own();
  }

  start(): void {
    if (this.#startedMs !== undefined) return;
    const startedMs = performance.now();
    this.#startedMs = startedMs;
    if (startedMs - this.#lastMs > IDLE_MS) this.#quota = 1;
    setImmediate(() => this.#run(startedMs));
  }

  #run(startedMs: number): void {
    this.#startedMs = undefined;
    this.#lastMs = performance.now();
    this.#begun = 0;
    this.#quota = this.#lastMs - startedMs > QUICK_MS ? 1 : Math.min(SMALL_MAX, 2 * this.#quota);
    if (this.#large.length > 0 && !this.#resting) this.#doLarge();
    this.#onRound();
  }

  #doLarge(): void {
    this.#resting = true;
    const startedMs = performance.now();
    this.#large.shift()?.();
    // The large task's work follows at once, before the next round.
    setImmediate(() => {
      const rested = () => {
        this.#resting = false;
        if (this.#large.length > 0) this.start();
      };
      setTimeout(rested, REST * (performance.now() - startedMs));
    });
  }
}
