/**
 * What the clients of a crash run know of each message they asked for, by its body, which is sent under one name only. An answer that
 * never came is `unknown`: the request may have taken effect or not.
 */
export type Fact = TimerFact | HalfFact | OnceFact;

export type Answer = "yes" | "no" | "unknown";

/** A delayed message. */
export interface TimerFact {
  readonly kind: "timer";
  readonly body: string;
  readonly dueMs: number;
  acknowledged: boolean;
  /** `no`: it was told to be delivered already. Absent: nobody tried. */
  cancelled?: Answer;
  recallHandle?: string;
}

/** A half message. */
export interface HalfFact {
  readonly kind: "half";
  readonly body: string;
  acknowledged: boolean;
  transactionId?: string;
  /** Verdicts that were answered with success. */
  readonly told: Set<"commit" | "rollback">;
}

/** A message that was sent several times under one dedup key. */
export interface OnceFact {
  readonly kind: "once";
  readonly body: string;
  /** Where each acknowledged send said that it is. */
  readonly places: string[];
  /** Acknowledged sends that said they were the first. */
  firsts: number;
}

/** A message as a pull showed it once the run was over. */
export interface Found {
  readonly body: string;
  readonly place: string;
  readonly storedAtMs: number;
}
