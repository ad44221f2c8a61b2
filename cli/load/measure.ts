import { Latencies } from "./latencies.ts";

/** What was measured of one kind of work. */
export interface Row {
  readonly what: string;
  readonly messages: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** Counts messages and times from its making to the last message. */
export class Measure {
  readonly #latencies = new Latencies();
  readonly #now: () => number;
  readonly #startedMs: number;
  #lastMs: number;
  #messages = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#startedMs = now();
    this.#lastMs = this.#startedMs;
  }

  get messages(): number {
    return this.#messages;
  }

  /** So many more messages, whose work began then. */
  add(messages: number, fromMs: number): void {
    this.#lastMs = this.#now();
    this.#messages += messages;
    this.#latencies.add(this.#lastMs - fromMs);
  }

  row(what: string): Row {
    const seconds = (this.#lastMs - this.#startedMs) / 1_000;
    return {
      what,
      messages: this.#messages,
      seconds: rounded(seconds),
      perSecond: seconds === 0 ? 0 : Math.round(this.#messages / seconds),
      p50Ms: rounded(this.#latencies.quantileMs(0.5)),
      p99Ms: rounded(this.#latencies.quantileMs(0.99)),
      maxMs: rounded(this.#latencies.maxMs),
    };
  }
}

/** To microseconds of milliseconds: a thousandth of the unit. */
function rounded(value: number): number;
function rounded(value: number | null): number | null;
function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1_000) / 1_000;
}
