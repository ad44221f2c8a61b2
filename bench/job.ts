/** One run of the load generator against one server. It is closed-loop: each worker sends its next request once the last was answered. */
export type Job = SendJob | ConsumeJob | PullJob;

interface AnyJob {
  readonly url: string;
  /** Workers, each with a connection of its own. */
  readonly concurrency: number;
}

export interface SendJob extends AnyJob {
  readonly kind: "send";
  readonly topic: string;
  /** Messages in a request: 1 uses the route for one message, more the route for batches. */
  readonly batch: number;
  readonly bodyBytes: number;
  /** The number of message groups, chosen at random for each message. Absent: none. */
  readonly messageGroups?: number;
  /** Whether each message has a key that no other has. */
  readonly keys?: boolean;
  /** Messages to send, a multiple of `batch`; or how long to send, after a warm-up that does not count. */
  readonly until: { readonly messages: number } | { readonly seconds: number; readonly warmupSeconds: number };
}

/** Each operation is a receive and the ack of all its messages. Ends when `messages` are acked, over all groups. */
export interface ConsumeJob extends AnyJob {
  readonly kind: "consume";
  /** Groups that are read one after the other: when one is empty, the next follows. */
  readonly groups: readonly string[];
  readonly max: number;
  readonly messages: number;
  /** Whether a message that comes twice counts as an error. Not for the null server, which has only 32 messages. */
  readonly once: boolean;
}

/** Reads every queue of a topic in the order of its offsets, with a worker for each. It waits for messages that are not sent yet. */
export interface PullJob extends AnyJob {
  readonly kind: "pull";
  readonly topic: string;
  readonly messages: number;
}

export interface JobResult {
  /** Messages sent or acked. */
  readonly messages: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The messages of each worker. */
  readonly byWorker: readonly number[];
  /** How often each kind of error occurred. */
  readonly errors: Readonly<Record<string, number>>;
  /** Of a pull: what was read of each queue (`message-hash.ts`). */
  readonly hashes?: readonly string[];
}
