/** Waiting requests. Each ends early when its client goes away, and all end when the server stops. */
export class LongPolls {
  readonly #waitMsMax: number;
  readonly #open = new Set<AbortController>();
  #ended = false;

  /** No request waits longer than `waitMsMax`, after which the runtime would cut it off. */
  constructor(waitMsMax = Number.POSITIVE_INFINITY) {
    this.#waitMsMax = waitMsMax;
  }

  /** How long a request that asks for `waitMs` may wait. */
  bound(waitMs: number): number {
    return Math.min(waitMs, this.#waitMsMax);
  }

  /** True once the server is stopping: waiting requests should answer with what they have. */
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
