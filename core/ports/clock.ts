export interface Clock {
  /** Wall-clock time, epoch milliseconds. It may step back, and differs between handlers by up to the skew margin. */
  nowMs(): number;
  /** Resolves after `ms`, or at once when `signal` aborts: it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
