/**
 * Events of messages that no caller is told, for the operator. Each is reported once the store has it. If the store's answer was lost,
 * it may go unreported. Names are those that users know.
 */
export type BrokerEvent =
  | DeadLettered
  | MessagePutAside
  | TimerParked
  | TransactionDiscarded
  | WebhookFailed
  | CheckNotPosted
  | RedriveEnded;

/** A message was moved to its group's dead letters. */
export interface DeadLettered {
  readonly kind: "deadLettered";
  readonly group: string;
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  readonly messageId: string;
  readonly attempts: number;
  readonly reason: string;
}

/** A message could not be read, and no longer waits with a group. */
export interface MessagePutAside {
  readonly kind: "messagePutAside";
  readonly group: string;
  readonly topic: string;
  readonly queueId: number;
  readonly offset: number;
  readonly reason: string;
}

/** A delayed message could not be delivered when it was due. */
export interface TimerParked {
  readonly kind: "timerParked";
  readonly topic: string;
  /** Its id in the list of parked messages. */
  readonly id: string;
  readonly deliverAtMs: number;
  readonly reason: string;
}

/** No producer said the outcome of a transaction. */
export interface TransactionDiscarded {
  readonly kind: "transactionDiscarded";
  readonly topic: string;
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly checks: number;
  /** False: none of its checks could be posted, and none was received. */
  readonly asked: boolean;
}

/** The endpoint of a producer group gave no usable verdict on a transaction. */
export interface WebhookFailed {
  readonly kind: "webhookFailed";
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly reason: string;
}

/** A check was not posted to the endpoint of its producer group. */
export interface CheckNotPosted {
  readonly kind: "checkNotPosted";
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly checkNumber: number;
  readonly reason: string;
}

export interface RedriveEnded {
  readonly kind: "redriveEnded";
  readonly group: string;
  readonly jobId: string;
  readonly state: "DONE" | "FAILED";
  readonly moved: number;
  readonly unreadable: number;
  /** Why it failed. */
  readonly reason: string | undefined;
}

/** Receives events. */
export interface Events {
  /** Must neither throw nor wait: a burst of thousands comes at once. */
  happened(event: BrokerEvent): void;
}

export const UNHEARD: Events = { happened: () => undefined };
