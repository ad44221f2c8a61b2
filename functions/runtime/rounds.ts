/** Where a round took longer, one small task may begin in the next; otherwise twice as many as before. */
const QUICK_MS = 5;
const SMALL_MAX = 16;
const IDLE_MS = 100;
/** How long others have the event loop after a large task, in times that it took. A round accepts one connection: they need many. */
const REST = 1;

/**
 * Spreads work over rounds of the event loop, so that whoever else uses the process is not held up by the sum of it: in each
 * round so many small tasks begin as turned out to be quick, and one large one is done.
 */
export class Rounds {
  readonly #onRound: () => void;
  /** Large tasks whose round has not come. */
  readonly #large: (() => void)[] = [];
  #resting = false;
  /** Small tasks that began in this round, and how many may. */
  #begun = 0;
  #quota = 1;
  /** When the next round was asked for. */
  #startedMs: number | undefined;
  #lastMs = 0;

  /** `onRound` begins small tasks that wait. */
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

  /** Called again and again in the middle of a large task: once in some milliseconds the rest of it waits for another round. */
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
    // What it does follows at once, ahead of the next round.
    setImmediate(() => {
      const rested = () => {
        this.#resting = false;
        if (this.#large.length > 0) this.start();
      };
      setTimeout(rested, REST * (performance.now() - startedMs));
    });
  }
}
