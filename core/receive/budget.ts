/** The limits within which a receive may still take messages, and the marks of the claims it takes. */
export interface Budget extends Taker {
  readonly messages: number;
  readonly bytes: number;
  readonly leaseMs: number;
  /** This receive has already taken something from the queue. */
  readonly begun?: boolean;
  /** When the search for matching messages ends, over all queues of the request. Each search still reads one chunk at least. */
  readonly searchUntilMs?: number | undefined;
}

/** How a receive marks the claims it takes. */
export interface Taker {
  readonly nonce: string;
  /** Only of a receive that has an attemptId. */
  readonly attemptTag?: string | undefined;
}

export const takerOf = ({ nonce, attemptTag }: Taker): Taker => ({ nonce, attemptTag });
