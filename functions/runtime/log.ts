import pino from "pino";
import type { LogPrinter } from "./log-printer.ts";

/** A line waits at most this long before it is written. */
const FLUSH_MS = 50;
/** Waiting lines are written together once they have this size. */
const CHUNK_BYTES = 8 * 1_024;
/** If nobody reads the pipe, lines beyond this are dropped. */
const WAITING_BYTES_MAX = 16 * 1_024 * 1_024;

export type Log = pino.Logger;

export interface LogSink {
  readonly log: Log;
  /** Writes the waiting lines, synchronously: call it before the process ends. */
  flush(): void;
}

/** Lines on standard output, as JSON unless there is a printer. Written in chunks, so no request waits for the terminal. */
export function createLog(level: string, print?: LogPrinter): LogSink {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    minLength: CHUNK_BYTES,
    maxLength: WAITING_BYTES_MAX,
  });
  const timer = setInterval(() => destination.flush(), FLUSH_MS);
  timer.unref();
  // A reader that went away must not end the broker.
  destination.on("error", () => undefined);
  const lines = print ? { write: (line: string) => destination.write(print(line)) } : destination;
  const log = pino({ level, base: null, timestamp: cachedTimestamp() }, lines);
  return {
    log,
    flush() {
      clearInterval(timer);
      try {
        destination.flushSync();
      } catch {
        // The pipe is closed: there is nobody left to tell.
      }
    },
  };
}

/** JSON lines on standard output, each written before `log` returns: for a process that freezes between requests. */
export const createSyncLog = (): Log =>
  pino({ base: null, timestamp: cachedTimestamp() }, pino.destination({ dest: 1, sync: true }));

/** Many requests come in one millisecond, and formatting a time costs more than the rest of a line. */
function cachedTimestamp(): () => string {
  let writtenMs = -1;
  let text = "";
  return () => {
    const nowMs = Date.now();
    if (nowMs !== writtenMs) {
      writtenMs = nowMs;
      text = `,"time":"${new Date(nowMs).toISOString()}"`;
    }
    return text;
  };
}
