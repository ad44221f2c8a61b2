import type { StoredMessage } from "../terms.ts";

/** PREPARED until it is committed or rolled back; DISCARDED when its producer never said which. */
export const TRANSACTION_STATES = ["PREPARED", "COMMITTED", "ROLLED_BACK", "DISCARDED"] as const;
export type TransactionState = (typeof TRANSACTION_STATES)[number];

export type Resolution = "commit" | "rollback";

/** A message that is stored, and delivered only if its producer commits it. */
export interface Transaction {
  readonly id: string;
  readonly messageId: string;
  readonly topic: string;
  readonly producerGroup: string;
  readonly state: TransactionState;
  /** Checks made. */
  readonly checks: number;
  /** While it is prepared. */
  readonly nextCheckAtMs: number | undefined;
  /** Why the last check got no answer from the group's endpoint, or was not posted to it. */
  readonly checkFailure: string | undefined;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Of a committed one. */
  readonly queueId: number | undefined;
  /** Of a committed one whose message has not expired. */
  readonly offset: number | undefined;
}

export interface HalfMessageReceipt {
  readonly transactionId: string;
  readonly messageId: string;
  /** It was stored before, by a send with the same identity. */
  readonly duplicate: boolean;
}

/** A question to a producer: what became of this transaction? */
export interface TransactionCheck {
  readonly transactionId: string;
  /** The first is 1. */
  readonly checkNumber: number;
  readonly topic: string;
  readonly producerGroup: string;
  /** It has no queue yet. */
  readonly message: Omit<StoredMessage, "queueId" | "offset">;
}

/** Producers that can answer for each other's transactions. One needs no settings: any name is one. */
export interface ProducerGroup {
  readonly name: string;
  readonly uid: string;
  /** Where checks are posted, signed with the secret; both or neither. */
  readonly url: string | undefined;
  readonly secret: Uint8Array | undefined;
  readonly maxChecks: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly version: number;
}

/** Whether a producer group's endpoint is called, by how it answered. */
export interface EndpointState {
  /** It is called; it is not; or the next check tries it. */
  readonly state: "CLOSED" | "OPEN" | "HALF_OPEN";
  /** Calls in a row that it left unanswered; 0 while it is CLOSED. */
  readonly failures: number;
  /** Until then it is, or was, not called. */
  readonly openUntilMs: number | undefined;
  readonly lastFailure: string | undefined;
  readonly lastFailureAtMs: number | undefined;
}

/** Settings, and how their endpoint does where they have a url. */
export interface ShownProducerGroup extends ProducerGroup {
  readonly endpoint: EndpointState | undefined;
}
