import type { Backoff } from "../terms.ts";

const SECOND_MS = 1_000;

/** How long a message waits after its `attempt`-th delivery failed. A list's last step repeats. */
export function backoffMs(backoff: Backoff, attempt: number): number {
  if (!("initialSeconds" in backoff)) return (backoff[Math.min(attempt, backoff.length) - 1] ?? 0) * SECOND_MS;
  const { initialSeconds, multiplier, maxSeconds } = backoff;
  return Math.min(maxSeconds, initialSeconds * multiplier ** (attempt - 1)) * SECOND_MS;
}
