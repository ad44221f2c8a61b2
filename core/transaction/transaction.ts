import type { StoredMessage } from "../terms.ts";

/** PREPARED until it is committed or rolled back; DISCARDED if its producer never said which. */
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
  /** Only while it is PREPARED. */
  readonly nextCheckAtMs: number | undefined;
  /** Why the last check got no answer from the group's endpoint, or was not posted to it. */
  readonly checkFailure: string | undefined;
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  /** Only of a committed one. */
  readonly queueId: number | undefined;
  /** Only of a committed one whose message has not expired. */
  readonly offset: number | undefined;
}

export interface HalfMessageReceipt {
  readonly transactionId: string;
  readonly messageId: string;
  /** A send with the same identity stored it before. */
  readonly duplicate: boolean;
}

/** A question to a producer: how did this transaction end? */
export interface TransactionCheck {
  readonly transactionId: string;
  /** The first is 1. */
  readonly checkNumber: number;
  readonly topic: string;
  readonly producerGroup: string;
  /** The message has no queue yet. */
  readonly message: Omit<StoredMessage, "queueId" | "offset">;
}

/** Producers that can answer for each other's transactions. Any name is a producer group: it needs no settings. */
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

/** Whether a producer group's endpoint is called, according to its answers. */
export interface EndpointState {
  /** CLOSED: it is called. OPEN: it is not called. HALF_OPEN: the next check is a trial. */
  readonly state: "CLOSED" | "OPEN" | "HALF_OPEN";
  /** Calls in a row that it left unanswered; 0 while it is CLOSED. */
  readonly failures: number;
  /** Until when it is not called, or was not. */
  readonly openUntilMs: number | undefined;
  readonly lastFailure: string | undefined;
  readonly lastFailureAtMs: number | undefined;
}

/** A group's settings and, if they have a url, the state of the endpoint. */
export interface ShownProducerGroup extends ProducerGroup {
  readonly endpoint: EndpointState | undefined;
}
