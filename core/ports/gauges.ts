/** How late timers are fired. All are 0 if nothing waits. */
export interface TimerGauges {
  /** How long the oldest due timer that is not fired has been due. */
  readonly oldestDueMs: number;
  /** About how many due timers are known and not fired: those in memory and those that were passed over. */
  readonly due: number;
  /** Checks that were not posted to their endpoints since the process began. */
  readonly checksNotPosted: number;
}

/** Called every second or two while timers are fired. Must neither throw nor wait. */
export type HearGauges = (gauges: TimerGauges) => void;

/** How far rolling is behind. All are 0 where everything that is due was rolled. */
export interface RollGauges {
  /** About how much is due and not rolled, of the queues that are known to have something. */
  readonly unrolledBytes: number;
  /** How long the oldest message of that has been stored. */
  readonly oldestUnrolledMs: number;
}

/** Called once in each pass of the roller. Must neither throw nor wait. */
export type HearRollGauges = (gauges: RollGauges) => void;
