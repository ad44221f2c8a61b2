import type { Clock } from "../ports/clock.ts";
import type { Spent } from "./candidates.ts";
import { QUERY_BYTES_MAX, QUERY_MESSAGES_MAX, QUERY_MS_MAX } from "./query-limits.ts";

/** What one request may still read. */
export class Budget {
  readonly #clock: Clock;
  readonly #untilMs: number;
  #messages = QUERY_MESSAGES_MAX;
  #bytes = QUERY_BYTES_MAX;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#untilMs = clock.nowMs() + QUERY_MS_MAX;
  }

  spend({ messages, bytes }: Spent): void {
    this.#messages -= messages;
    this.#bytes -= bytes;
  }

  get isOver(): boolean {
    return this.#messages <= 0 || this.#bytes <= 0 || this.#clock.nowMs() >= this.#untilMs;
  }
}
