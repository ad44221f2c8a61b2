/** Lets those who would only lose races against each other in one process go one after the other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits until all that began before under the same key have ended. Whoever calls it calls what it answers in the end. */
  async begin(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let end = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last.set(key, mine);
    await before;
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      end();
    };
  }
}
