/** Admits reads of messages for answers. What a read finds stays in memory until the answer is sent. */
export interface Reading {
  /**
   * Runs `read` once there is room for its result, whose size is `bytesOf`. Errors: SERVER_BUSY if there is no room for long; those of
   * `read`.
   */
  admit<T>(read: () => Promise<T>, bytesOf: (found: T) => number): Promise<T>;
  /** Called within long work: after some milliseconds of it, other work gets its turn. */
  pause(): Promise<void>;
}

/** For work that nobody waits for: it gives way to all other. */
export type Yielding = Pick<Reading, "pause">;

/** For a process that answers one request at a time. */
export const UNBOUNDED_READING: Reading = { admit: (read) => read(), pause: () => Promise.resolve() };
