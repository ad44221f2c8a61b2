/** How a message came here. */
export interface Origin {
  readonly bornHost?: string | undefined;
  readonly traceContext?: string | undefined;
  /** When its producer wanted it to be delivered. */
  readonly deliverAtMs?: number | undefined;
  /** Of a message that a transaction delivered. */
  readonly transactionId?: string | undefined;
}

/** The names under which it is stored as properties: RocketMQ's. It is shown apart from those of the producer. */
export const ORIGIN_PROPERTIES = {
  bornHost: "__BORNHOST",
  traceContext: "TRACE_CONTEXT",
  deliverAtMs: "TIMER_DELIVER_MS",
  transactionId: "__transactionId__",
} as const satisfies Record<keyof Origin, string>;
