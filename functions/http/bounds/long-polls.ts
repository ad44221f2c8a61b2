/** Requests that wait. Each ends early when its client goes away, and all do when the server stops. */
export class LongPolls {
  readonly #waitMsMax: number;
  readonly #open = new Set<AbortController>();
  #ended = false;

  /** Where the runtime cuts requests off, none waits for longer than `waitMsMax`. */
  constructor(waitMsMax = Number.POSITIVE_INFINITY) {
    this.#waitMsMax = waitMsMax;
  }

  /** How long a request waits that asks for `waitMs`. */
  bound(waitMs: number): number {
    return Math.min(waitMs, this.#waitMsMax);
  }

  /** True once the server is stopping: whoever waits should answer with what there is. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Runs `wait` with a signal that aborts with the client or the server. */
  async run<T>(client: AbortSignal, wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (this.#ended || client.aborted) abort();
    client.addEventListener("abort", abort);
    this.#open.add(controller);
    try {
      return await wait(controller.signal);
    } finally {
      client.removeEventListener("abort", abort);
      this.#open.delete(controller);
    }
  }

  endAll(): void {
    this.#ended = true;
    for (const controller of this.#open) controller.abort();
  }
}
