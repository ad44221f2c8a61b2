/** Wakes the scheduled scanner where it runs elsewhere. */
export interface Doorbell {
  /** Best effort: what is missed, the next tick finds. Must not throw. */
  ring(): Promise<void>;
}
