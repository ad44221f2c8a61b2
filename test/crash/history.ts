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
  /** A message as a pull showed it once the run was over. */
  | ({ readonly kind: "pulled" } & Placed)
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

export interface SentEvent extends Placed {
  readonly kind: "sent";
}

export interface DeliveredEvent extends Placed {
  readonly kind: "delivered";
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
  readonly action: "ack" | "nack";
  readonly outcome: "done" | "leaseLost" | "unknown";
  readonly requestedAtMs: number;
  /** When the answer came, or when the client gave up. */
  readonly answeredAtMs: number;
}
