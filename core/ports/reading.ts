/** Where messages are read for an answer: what is found is in memory until the answer is sent. */
export interface Reading {
  /**
   * Runs `read` once there is room for what it finds, of which `bytesOf` is the size. Errors: SERVER_BUSY when there is no room for
   * long; those of `read`.
   */
  admit<T>(read: () => Promise<T>, bytesOf: (found: T) => number): Promise<T>;
  /** Called in the middle of long work: others get their turn, where it has gone on for some milliseconds. */
  pause(): Promise<void>;
}

/** For a process that answers one request at a time. */
export const UNBOUNDED_READING: Reading = { admit: (read) => read(), pause: () => Promise.resolve() };
