/** Wakes the scheduled scanner, if it runs elsewhere. */
export interface Doorbell {
  /** Best effort: the next tick makes up for a lost ring. Must not throw. */
  ring(): Promise<void>;
}
