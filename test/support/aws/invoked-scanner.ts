import { setTimeout as sleep } from "node:timers/promises";
import type { Doorbell } from "../../../core/ports/doorbell.ts";
import type { ScannerHandler } from "../../../functions/lambda/scanner-function.ts";
import { functionContext } from "./function-fixture.ts";

/** A minute and its function's time, made short: whoever stops waits for the runs under way. */
const TICK_MS = 5_000;
const TIMEOUT_MS = TICK_MS + 10_000;

export interface InvokedScanner {
  /** Invokes the function as Lambda does with `InvocationType: Event`: the caller does not wait for the run. */
  readonly doorbell: Doorbell;
  /** No more runs; resolves when the last has ended. */
  stop(): Promise<void>;
}

/** Runs the scanner function in this process, by a schedule of its own and when it is rung. */
export function invokeScanner(scan: ScannerHandler): InvokedScanner {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const invoke = (event: { time?: string }) => {
    if (stopping.signal.aborted) return;
    // What a run fails with it has logged, and nobody waits for it.
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
