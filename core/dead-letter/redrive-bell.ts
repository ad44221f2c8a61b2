/** Tells the process that continues redrives that there is one to do. */
export class RedriveBell {
  /** An earlier process may have left some. */
  #rung = true;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves once it was rung since the last time, or the signal aborts. */
  async heard(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener("abort", wake);
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
