import type { Clock } from "./clock.ts";

/** How often and how soon a call is tried again. */
export interface RetryOptions {
  /** Attempts in all. Default 10, which bridges about ten seconds. */
  readonly maxAttempts?: number;
  /** Bound of the first wait; each further one is twice as long. Default 100. */
  readonly baseMs?: number;
  /** Bound of every wait. Default 5,000. */
  readonly maxMs?: number;
}

export const DEFAULT_RETRY: Required<RetryOptions> = { maxAttempts: 10, baseMs: 100, maxMs: 5_000 };

/** Full jitter: any wait up to the bound is as likely. So callers that failed together do not come back together. */
export const backoffMs = ({ baseMs, maxMs }: Required<RetryOptions>, failures: number): number =>
  Math.random() * Math.min(maxMs, baseMs * 2 ** (failures - 1));

/** Milliseconds that the answer asks to wait, in seconds or until a date. */
export function retryAfterMs(response: Response, clock: Clock): number {
  const text = response.headers.get("retry-after");
  if (text === null) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - clock.now();
  return Math.min(Math.max(ms, 0) || 0, 60_000);
}
