import pino from "pino";
import type { LogPrinter } from "./log-printer.ts";

/** A line waits at most this long before it is written. */
const FLUSH_MS = 50;
/** Lines are written together once there is this much. */
const CHUNK_BYTES = 8 * 1_024;
/** When nobody reads the pipe, lines beyond this are dropped rather than kept. */
const WAITING_BYTES_MAX = 16 * 1_024 * 1_024;

export type Log = pino.Logger;

export interface LogSink {
  readonly log: Log;
  /** Writes what is waiting, synchronously: call it before the process ends. */
  flush(): void;
}

/** Lines on standard output, JSON where there is no printer, written in chunks so that a request never waits for the terminal. */
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

/** Requests come many to a millisecond, and writing a time out costs more than the rest of a line. */
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
