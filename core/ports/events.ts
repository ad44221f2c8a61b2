/**
 * What befell messages without a caller being told: for whoever runs the broker. Each is told once the store has it; one whose
 * answer from the store was lost may go untold. Names are those that users know.
 */
export type BrokerEvent =
  | DeadLettered
  | MessagePutAside
  | TimerParked
  | TransactionDiscarded
  | WebhookFailed
  | CheckNotPosted
  | RedriveEnded;

/** A message moved to its group's dead letters. */
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
  /** As the list of parked messages has it. */
  readonly id: string;
  readonly deliverAtMs: number;
  readonly reason: string;
}

/** No producer said what became of a transaction. */
export interface TransactionDiscarded {
  readonly kind: "transactionDiscarded";
  readonly topic: string;
  readonly producerGroup: string;
  readonly transactionId: string;
  readonly checks: number;
  /** False: none of its checks could be posted, and none was received. */
  readonly asked: boolean;
}

/** The endpoint of a producer group gave no verdict on a transaction that can be used. */
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

/** Hears of events. */
export interface Events {
  /** Must neither throw nor wait: a burst of thousands comes at once. */
  happened(event: BrokerEvent): void;
}

export const UNHEARD: Events = { happened: () => undefined };
