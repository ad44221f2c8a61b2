import type { Effect } from "../../../client/apogee-error.ts";

/** What a worker said of one handler. Times are those of this machine. */
export interface HandlerFact {
  readonly atMs: number;
  readonly kind: "began" | "failed" | "finished" | "told";
  /** Which process said so; each is killed at the end of its round. */
  readonly process: number;
  readonly messageId?: string;
  readonly messageGroup?: string | null;
  readonly attempt?: number;
  readonly leaseUntilMs?: number;
  readonly error?: string;
}

/** What a producer heard of one send. */
export interface SendFact {
  /** What the body says, which no other body does. */
  readonly body: string;
  readonly messageGroup: string | null;
  readonly messageId: string | undefined;
  /** Why it is not known to be stored. */
  readonly error: string | undefined;
  /** Of a send that failed: what it says that it changed. */
  readonly effect: Effect | undefined;
}

/** What is stored in the end. */
export interface StoredFact {
  readonly body: string;
  readonly messageId: string;
  readonly messageGroup: string | null;
  readonly queueId: number;
  readonly offset: number;
}

export interface ClientHistory {
  readonly sends: SendFact[];
  readonly handlers: HandlerFact[];
  readonly stored: StoredFact[];
  /** Entries of batches that went out with a producer's numbers, repeats included. */
  numbered: number;
  /** When each worker process was killed, by its number. */
  readonly killedAtMs: Map<number, number>;
}
