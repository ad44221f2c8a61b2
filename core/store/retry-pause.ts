/** The shortest and the longest pause between two tries. */
export interface RetryPauses {
  readonly first: number;
  readonly most: number;
}

/** Between two tries of a call that failed, or lost a race. */
export const RETRY_MS: RetryPauses = { first: 5, most: 500 };

/**
 * How long to wait after this many failures, the first being 0: twice as long each time. `fraction`: a random one, 0 … 1, so that those
 * who failed together do not come back together.
 */
export const retryPauseMs = ({ first, most }: RetryPauses, failures: number, fraction: number): number =>
  Math.min(most, first * 2 ** failures) * (0.5 + fraction / 2);
