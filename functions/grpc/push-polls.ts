import { WAIT_SECONDS_MAX } from "../../core/limits.ts";

const POLL_MS = { least: 800, most: WAIT_SECONDS_MAX * 1_000 } as const;
/** Polls that end without a message, in a second, in all. */
const EMPTY_POLLS_PER_SECOND = 50;

/**
 * How long push consumers' polls wait. Some clients wait for their poll to end before they say that they close. So while there are few, polls
 * are short; with more they become longer, and the work of polling stays the same.
 */
export class PushPolls {
  readonly #short: boolean;
  #waiting = 0;

  /** `short` false: each poll costs reads of a store that bills them, so all are long. */
  constructor(short: boolean) {
    this.#short = short;
  }

  /** Runs a poll with the milliseconds that it may wait. */
  async run<T>(poll: (waitMsMax: number) => Promise<T>): Promise<T> {
    this.#waiting++;
    try {
      return await poll(this.#waitMsMax());
    } finally {
      this.#waiting--;
    }
  }

  #waitMsMax(): number {
    if (!this.#short) return POLL_MS.most;
    return Math.min(POLL_MS.most, Math.max(POLL_MS.least, (this.#waiting / EMPTY_POLLS_PER_SECOND) * 1_000));
  }
}
