/** Work that goes on until it is stopped. Resolves when it has ended; rejects when it cannot go on. */
export interface Running extends Promise<void>, AsyncDisposable {
  /** Ends it, and resolves when what had begun is finished. */
  stop(): Promise<void>;
}

export interface Stops {
  /** Ends it, as `stop` does. */
  readonly signal?: AbortSignal | undefined;
  /** `false`: SIGTERM and SIGINT do not end it. */
  readonly handleSignals?: boolean | undefined;
}

interface SignalSource {
  on(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
}

const SIGNALS = ["SIGTERM", "SIGINT"];

/** Of all that signals end, so that each signal has one listener, however much runs. */
const stops = new Set<() => void>();

/** Leaves a second signal to the process, which it ends. */
function stopAll(): void {
  const all = [...stops];
  for (const stop of all) forget(stop);
  for (const stop of all) stop();
}

function listen(stop: () => void): void {
  if (stops.size === 0) for (const name of SIGNALS) signals()?.on(name, stopAll);
  stops.add(stop);
}

function forget(stop: () => void): void {
  if (stops.delete(stop) && stops.size === 0) for (const name of SIGNALS) signals()?.off(name, stopAll);
}

/** The process, where the runtime has one that gets signals. */
function signals(): SignalSource | undefined {
  const { process } = globalThis as { process?: Partial<SignalSource> };
  return process?.on && process.off ? (process as SignalSource) : undefined;
}

/** Runs work that `stop` makes end. A process that has signals and gets one of them ends it, and a second one ends the process. */
export function running(work: () => Promise<void>, stop: () => void, { signal, handleSignals = true }: Stops): Running {
  if (handleSignals) listen(stop);
  signal?.addEventListener("abort", stop);
  const ends = work().finally(() => {
    forget(stop);
    signal?.removeEventListener("abort", stop);
  });
  if (signal?.aborted) stop();
  const stopped = (): Promise<void> => {
    stop();
    return ends;
  };
  return Object.assign(ends, { stop: stopped, [Symbol.asyncDispose]: stopped });
}
