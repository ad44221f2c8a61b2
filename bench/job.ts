/** One run of the load generator against one server. It is closed-loop: each worker asks again once it has been answered. */
export type Job = SendJob | ConsumeJob;

interface AnyJob {
  readonly url: string;
  /** Workers, each with a connection of its own. */
  readonly concurrency: number;
}

export interface SendJob extends AnyJob {
  readonly kind: "send";
  readonly topic: string;
  /** Messages in a request: 1 takes the route for one message, more the one for batches. */
  readonly batch: number;
  readonly bodyBytes: number;
  /** Each message is of one of so many message groups, by chance. None without. */
  readonly messageGroups?: number;
  /** Messages to send, a multiple of `batch`; or how long to go on, after a warm-up that does not count. */
  readonly until: { readonly messages: number } | { readonly seconds: number; readonly warmupSeconds: number };
}

/** Each operation is a receive and the ack of all it brought. Ends when `messages` are acked, over all groups. */
export interface ConsumeJob extends AnyJob {
  readonly kind: "consume";
  /** Read one after the other: on to the next when one is empty. */
  readonly groups: readonly string[];
  readonly max: number;
  readonly messages: number;
  /** Whether a message that comes twice counts as an error. Not for the null server, which has but 32 of them. */
  readonly once: boolean;
}

export interface JobResult {
  /** Sent, or acked. */
  readonly messages: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Of these, by each worker. */
  readonly byWorker: readonly number[];
  /** How often each thing went wrong. */
  readonly errors: Readonly<Record<string, number>>;
}
