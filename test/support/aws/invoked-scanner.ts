import { setTimeout as sleep } from "node:timers/promises";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import type { ScannerHandler } from "../../../functions/lambda/scanner-function.ts";
import { functionContext } from "./function-fixture.ts";

/** Shorter than the real minute, and than the function's time, because `stop` waits for the runs under way. */
const TICK_MS = 5_000;
const TIMEOUT_MS = TICK_MS + 10_000;

export interface InvokedScanner {
  /** Invokes the function as Lambda does with `InvocationType: Event`: the caller does not wait for the run. */
  readonly doorbell: Doorbell;
  /** Starts no more runs, and resolves when the last has ended. */
  stop(): Promise<void>;
}

/** Runs the scanner function in this process, on its own schedule and when it is rung. */
export function invokeScanner(scan: ScannerHandler): InvokedScanner {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const invoke = (event: { time?: string }) => {
    if (stopping.signal.aborted) return;
    // A failed run has logged its error, and nobody waits for it.
    const run = scan(event, functionContext(TIMEOUT_MS))
      .catch(() => undefined)
      .finally(() => running.delete(run));
    running.add(run);
  };
  const ticking = (async () => {
    while (!stopping.signal.aborted) {
      invoke({ time: new Date().toISOString() });
      await sleep(TICK_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    doorbell: { ring: async () => invoke({}) },
    async stop() {
      stopping.abort();
      await Promise.all([ticking, ...running]);
    },
  };
}
