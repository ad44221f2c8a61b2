import type { LingerOptions } from "../client/linger-producer.ts";

/** One run of programs that use the client, in a process of their own. */
export type ClientJob = WorkerJob | ClientSendJob;

interface AnyClientJob {
  readonly url: string;
  readonly messages: number;
  readonly concurrency: number;
}

/** A worker whose handler does nothing, until so many messages are handled. */
export interface WorkerJob extends AnyClientJob {
  readonly kind: "worker";
  readonly group: string;
}

/** Callers that each send the next message once the last was answered. */
export interface ClientSendJob extends AnyClientJob {
  readonly kind: "send";
  readonly topic: string;
  readonly bodyBytes: number;
  /** Absent: each message is a call. */
  readonly linger?: LingerOptions;
}

export interface ClientResult {
  readonly messages: number;
  readonly seconds: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Memory of the process itself, when a fifth was done, and at the end. */
  readonly rssMb: { readonly early: number; readonly end: number };
}
