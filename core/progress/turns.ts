/** Makes callers of one process take turns, where they would only lose races against each other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits until all earlier turns under the same key have ended. The caller must call the answered function at its end. */
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
