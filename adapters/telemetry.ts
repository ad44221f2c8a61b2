/** What one store call consumed. Units follow DynamoDB's rules; a store that bills none reports 0. */
export interface Consumption {
  readonly store: "items" | "objects";
  readonly operation: string;
  readonly writeUnits: number;
  readonly readUnits: number;
  /** Requests that went over the wire. */
  readonly requests: number;
  readonly bytes: number;
}

export interface Telemetry {
  /** Called once per store call, also for one that failed. Must not throw. */
  consumed(consumption: Consumption): void;
}
