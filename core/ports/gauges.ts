/** How late whoever fires timers is. All are 0 where nothing waits. */
export interface TimerGauges {
  /** How long the oldest due timer that is not fired has been due. */
  readonly oldestDueMs: number;
  /** Due timers that are known and not fired: those in memory and those that were passed over, about. */
  readonly due: number;
  /** Checks of transactions that were not posted to their endpoints, since the process began. */
  readonly checksNotPosted: number;
}

/** Hears of them every second or two while timers are fired. Must neither throw nor wait. */
export type HearGauges = (gauges: TimerGauges) => void;
