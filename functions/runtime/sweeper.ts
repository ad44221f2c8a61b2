import type { Log } from "./log.ts";

const PAUSE_MS = 5 * 60_000;
/** A sweep that took long is followed by a pause so many times as long: sweeping is never most of what a server does. */
const PAUSE_PER_SWEEP = 20;
/** Soon after the start, so that a server restarted often sweeps too; not at once, when requests wait for it. */
const FIRST_SWEEP_MS = 60_000;

export interface Sweeper {
  /** Starts no more sweeps, and resolves once a running one has ended. */
  stop(): Promise<void>;
}

/** Runs `sweep` every five minutes, one at a time; `sweep` should return soon once its signal aborts. A failure is logged and tried again. */
export function startSweeper(name: string, sweep: (signal: AbortSignal) => Promise<void>, log: Log): Sweeper {
  const controller = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const run = () => {
    const startedAtMs = performance.now();
    running = sweep(controller.signal)
      .catch((error: unknown) => log.error({ err: error, sweep: name }, "sweep failed"))
      .finally(() => schedule(Math.max(PAUSE_MS, PAUSE_PER_SWEEP * (performance.now() - startedAtMs))));
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
