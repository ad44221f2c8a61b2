/** The consumption of one store call. Units follow DynamoDB's rules; a store that bills none reports 0. */
export interface Consumption {
  readonly store: "items" | "objects";
  readonly operation: string;
  readonly writeUnits: number;
  readonly readUnits: number;
  /** Requests sent over the network. */
  readonly requests: number;
  readonly bytes: number;
}

export interface Telemetry {
  /** Called once per store call, even if it failed. Must not throw. */
  consumed(consumption: Consumption): void;
}
