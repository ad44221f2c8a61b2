/**
 * What the clients of a crash run saw, in the order in which they learned it. A request whose answer never came is `…Unknown`:
 * it may or may not have happened. All times are epoch milliseconds of the one machine that runs clients and server.
 */
export type HistoryEvent =
  | SentEvent
  /** `body` was handed to the server in one attempt without a client retry. */
  | { readonly kind: "sendUnknown"; readonly body: string }
  | DeliveredEvent
  | SettledEvent
  | PulledEvent
  | DeadEvent
  /** A queue's valid range as the server stated it once the run was over; `maxOffset` is exclusive. */
  | { readonly kind: "range"; readonly queueId: number; readonly minOffset: number; readonly maxOffset: number }
  /** An answer that no client should ever get. */
  | { readonly kind: "unexpected"; readonly what: string };

/** A message at its place. `body` is a fingerprint; each body is sent in one attempt only, so it names the attempt. */
export interface Placed {
  readonly queueId: number;
  readonly offset: number;
  readonly messageId: string;
  readonly body: string;
}

/** A message as a pull showed it once the run was over. */
export interface PulledEvent extends Placed {
  readonly kind: "pulled";
  readonly tag?: string | undefined;
  readonly messageGroup?: string | undefined;
}

/** A dead letter of `group` as the list showed it once the run was over, at the place where it died. */
export interface DeadEvent {
  readonly kind: "dead";
  readonly group: string;
  readonly queueId: number;
  readonly offset: number;
}

export interface SentEvent extends Placed {
  readonly kind: "sent";
}

export interface DeliveredEvent extends Placed {
  readonly kind: "delivered";
  /** Its consumer had it already, and asked for more time: this is how it is held from then on. */
  readonly extended?: boolean;
  readonly group: string;
  readonly consumer: string;
  readonly receiptHandle: string;
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
  readonly leaseUntilMs: number;
}

export interface SettledEvent {
  readonly kind: "settled";
  readonly group: string;
  readonly receiptHandle: string;
  readonly action: "ack" | "nack" | "extend" | "deadLetter";
  readonly outcome: "done" | "leaseLost" | "unknown";
  readonly requestedAtMs: number;
  /** When the answer came, or when the client gave up. */
  readonly answeredAtMs: number;
}
