/** One run of clients of RocketMQ's protocol, in a process of their own. */
export type GrpcJob = GrpcSendJob | GrpcConsumeJob | GrpcIdleJob;

interface AnyGrpcJob {
  /** `host:port`. */
  readonly address: string;
  readonly topic: string;
}

/** Callers that each send the next message, or batch, once the last was answered. */
export interface GrpcSendJob extends AnyGrpcJob {
  readonly kind: "send";
  readonly bodyBytes: number;
  readonly batch: number;
  readonly concurrency: number;
  /** How many clients the callers share. */
  readonly connections: number;
  readonly seconds: number;
}

/** Receivers that each take 32 messages and ack them, in one call or one by one, until so many are acked. */
export interface GrpcConsumeJob extends AnyGrpcJob {
  readonly kind: "consume";
  readonly group: string;
  readonly messages: number;
  readonly receivers: number;
  readonly ackEach: boolean;
}

/** Push consumers with nothing to do, which poll, heartbeat and ask for their assignment as the Java client does. */
export interface GrpcIdleJob extends AnyGrpcJob {
  readonly kind: "idle";
  readonly group: string;
  readonly clients: number;
  readonly seconds: number;
  /** The server, whose processor time is measured. */
  readonly pid: number;
}

export interface GrpcResult {
  readonly messages: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Processor time of the server by time that passed; of idle clients only. */
  readonly cpuShare: number;
  readonly errors: Readonly<Record<string, number>>;
}
