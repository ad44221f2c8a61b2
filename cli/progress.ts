import type { ColourTarget } from "./colours.ts";

export interface ProgressParts {
  readonly stream: NodeJS.WritableStream & ColourTarget;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** What is counted, such as `messages sent`. */
  readonly what: string;
  /** Where it is known how many there will be. */
  readonly total?: number | undefined;
}

const TERMINAL_EVERY_MS = 100;
const LINE_EVERY_MS = 5_000;
const CLEAR_LINE = "\r\x1b[K";

/** How far a long verb is: one line that changes on a terminal, and a line every five seconds elsewhere. */
export class Progress {
  readonly #parts: ProgressParts;
  readonly #startedMs: number;
  #shownMs: number;
  #count = 0;

  constructor(parts: ProgressParts) {
    this.#parts = parts;
    this.#startedMs = parts.now();
    this.#shownMs = this.#startedMs;
  }

  /** So many more. */
  advance(more: number): void {
    this.#count += more;
    const { stream, now } = this.#parts;
    const atMs = now();
    if (atMs - this.#shownMs < (stream.isTTY ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownMs = atMs;
    stream.write(stream.isTTY ? `${CLEAR_LINE}${this.#line(atMs)}` : `${this.#line(atMs)}\n`);
  }

  /** Takes the line off a terminal: the verb says how it ended. */
  end(): void {
    const { stream } = this.#parts;
    if (stream.isTTY && this.#shownMs > this.#startedMs) stream.write(CLEAR_LINE);
  }

  #line(atMs: number): string {
    const { what, total } = this.#parts;
    const rate = this.#count / ((atMs - this.#startedMs) / 1_000);
    const of = total === undefined ? "" : ` of ${total}`;
    const left = total === undefined || rate === 0 ? "" : `, ${Math.ceil((total - this.#count) / rate)} s left`;
    return `${this.#count}${of} ${what}, ${Math.round(rate)} per second${left}`;
  }
}
