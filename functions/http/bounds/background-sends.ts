import { BrokerError } from "../../../core/errors.ts";

/** Limits of sends that were answered before they were stored, in one process. */
const BACKGROUND_SENDS_MAX = 1_000;
const BACKGROUND_BYTES_MAX = 64 * 1_024 * 1_024;

/** Work that continues after its request was answered. It is bounded, and awaited before the process ends. */
export class BackgroundSends {
  readonly #running = new Set<Promise<void>>();
  readonly #onError: (error: unknown) => void;
  #bytes = 0;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Errors: TOO_MANY_REQUESTS when too much is still to be stored. */
  start(bytes: number, send: () => Promise<void>): void {
    if (this.#running.size >= BACKGROUND_SENDS_MAX || this.#bytes + bytes > BACKGROUND_BYTES_MAX) {
      const detail = "Too many one-way messages wait to be stored. Slow down, or wait for the answer of each.";
      throw new BrokerError("TOO_MANY_REQUESTS", detail);
    }
    this.#bytes += bytes;
    const running = send()
      .catch(this.#onError)
      .finally(() => {
        this.#bytes -= bytes;
        this.#running.delete(running);
      });
    this.#running.add(running);
  }

  /** Resolves when nothing is running. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
