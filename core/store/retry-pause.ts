/** The shortest and the longest pause between two attempts. */
export interface RetryPauses {
  readonly first: number;
  readonly most: number;
}

/** The pauses between attempts of a call that failed, or lost a race. */
export const RETRY_MS: RetryPauses = { first: 5, most: 500 };

/**
 * How long to wait after this many failures (the first is 0): twice as long each time. `fraction` is random, 0 … 1, so that callers
 * that failed together do not return together.
 */
export const retryPauseMs = ({ first, most }: RetryPauses, failures: number, fraction: number): number =>
  Math.min(most, first * 2 ** failures) * (0.5 + fraction / 2);
