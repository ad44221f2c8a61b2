/** Answers that are written in one turn of the event loop. */
const ANSWERS_PER_TURN = 8;

/**
 * Writes answers some at a time. The sends that share a write of the store are all done at once. The client that has the first answers goes
 * on while the others are encoded, rather than that each waits for the other by turns.
 */
export class AnswerTurns {
  readonly #waiting: (() => void)[] = [];
  #left = ANSWERS_PER_TURN;

  /** Runs `write` in its turn: now, or soon. */
  async run(write: () => void): Promise<void> {
    if (this.#left <= 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#take();
    write();
  }

  #take(): void {
    if (this.#left === ANSWERS_PER_TURN) setImmediate(() => this.#begin());
    this.#left--;
  }

  #begin(): void {
    this.#left = ANSWERS_PER_TURN;
    for (const resolve of this.#waiting.splice(0, ANSWERS_PER_TURN)) {
      this.#take();
      resolve();
    }
  }
}
