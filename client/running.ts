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
  once(signal: string, listener: () => void): void;
  off(signal: string, listener: () => void): void;
}

const SIGNALS = ["SIGTERM", "SIGINT"];

/** Runs work that `stop` makes end. A process that has signals and gets one of them ends it, and a second one ends the process. */
export function running(work: () => Promise<void>, stop: () => void, { signal, handleSignals = true }: Stops): Running {
  const { process } = globalThis as { process?: Partial<SignalSource> };
  const source = handleSignals && process?.once && process.off ? (process as SignalSource) : undefined;
  for (const name of SIGNALS) source?.once(name, stop);
  signal?.addEventListener("abort", stop);
  const ends = work().finally(() => {
    for (const name of SIGNALS) source?.off(name, stop);
    signal?.removeEventListener("abort", stop);
  });
  if (signal?.aborted) stop();
  const stopped = (): Promise<void> => {
    stop();
    return ends;
  };
  return Object.assign(ends, { stop: stopped, [Symbol.asyncDispose]: stopped });
}
