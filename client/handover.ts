interface Offer<T> {
  readonly thing: T;
  readonly finish: () => void;
  readonly giveUp: (error: Error) => void;
}

/** Hands things from those who offer them to one loop that takes them. Each offer lasts until the loop is done with the thing. */
export class Handover<T> {
  readonly #offers: Offer<T>[] = [];
  #ended: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** Resolves when the loop asks for the next, rejects when it leaves. */
  offer(thing: T): Promise<void> {
    return new Promise((finish, giveUp) => {
      this.#offers.push({ thing, finish, giveUp });
      this.#wake?.();
    });
  }

  readonly end = (): void => {
    this.#ended ??= {};
    this.#wake?.();
  };

  readonly fail = (error: unknown): void => {
    this.#ended ??= { error };
    this.#wake?.();
  };

  async *taken(): AsyncGenerator<T, void, undefined> {
    let taken: Offer<T> | undefined;
    try {
      for (;;) {
        taken = this.#offers.shift();
        if (taken === undefined) {
          if (this.#ended && "error" in this.#ended) throw this.#ended.error;
          if (this.#ended) return;
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        yield taken.thing;
        taken.finish();
        taken = undefined;
      }
    } finally {
      const left = new Error("The loop was left.");
      taken?.giveUp(left);
      for (const { giveUp } of this.#offers.splice(0)) giveUp(left);
    }
  }
}
