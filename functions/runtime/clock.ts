import type { Clock } from "../../core/ports/clock.ts";

export const systemClock: Clock = {
  nowMs: () => Date.now(),

  sleep(ms, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.max(0, ms));
      signal?.addEventListener("abort", end);
    });
  },
};

/** Resolves once what has come in so far is handled. */
export const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
