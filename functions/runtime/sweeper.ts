import type { Log } from "./log.ts";

const HOUR_MS = 3_600_000;
/** Soon after the start, so that a server that restarts every hour sweeps too. Not at once, because requests wait then. */
const FIRST_SWEEP_MS = 60_000;

export interface Sweeper {
  /** Starts no more sweeps, and resolves once a running one has ended. */
  stop(): Promise<void>;
}

/** Runs `sweep` every hour, one at a time. `sweep` should return soon after its signal aborts. A failure is logged, and tried again. */
export function startSweeper(name: string, sweep: (signal: AbortSignal) => Promise<void>, log: Log): Sweeper {
  const controller = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    running = sweep(controller.signal)
      .catch((error: unknown) => log.error({ err: error, sweep: name }, "sweep failed"))
      .finally(() => schedule(HOUR_MS));
  };
  const schedule = (delayMs: number) => {
    if (controller.signal.aborted) return;
    timer = setTimeout(run, delayMs);
    timer.unref();
  };
  let timer: NodeJS.Timeout | undefined;
  schedule(FIRST_SWEEP_MS);
  return {
    stop() {
      controller.abort();
      clearTimeout(timer);
      return running;
    },
  };
}
