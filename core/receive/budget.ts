/** What a receive still wants, and how it marks what it takes. */
export interface Budget extends Taker {
  readonly messages: number;
  readonly bytes: number;
  readonly leaseMs: number;
  /** This receive has taken something of the queue already. */
  readonly begun?: boolean;
  /** When looking for what a filter lets through ends, over all queues of the request. Each search comes on by a chunk at least. */
  readonly searchUntilMs?: number | undefined;
}

/** How a receive marks the claims it takes. */
export interface Taker {
  readonly nonce: string;
  /** Of a receive that may be repeated. */
  readonly attemptTag?: string | undefined;
}

export const takerOf = ({ nonce, attemptTag }: Taker): Taker => ({ nonce, attemptTag });
