/** Makes callers of one process take turns, where they would only lose races against each other. */
export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits until all that locked the same key before have unlocked it. Whoever calls it calls what it answers, the unlock, in the end. */
  async lock(key: string): Promise<() => void> {
    const before = this.#last.get(key);
    let release = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#last.set(key, mine);
    await before;
    return () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
      release();
    };
  }
}
