import type { RunningBroker } from "../../core/create-broker.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { AnswerMemory } from "../http/bounds/answer-memory.ts";
import type { RequestMemory } from "../http/bounds/request-memory.ts";
import type { Log } from "../runtime/log.ts";
import type { PushPolls } from "./push-polls.ts";
import type { RecentSends } from "./recent-sends.ts";
import type { Renewals } from "./renewals.ts";
import type { Session, Sessions } from "./sessions.ts";
import type { Credentials } from "./signature.ts";
import type { TransactionChecks } from "./transaction-checks.ts";

/** What RocketMQ's clients may do here. */
export interface GrpcOptions {
  /** Absent: no call is signed, and the server is for programs of this machine. */
  readonly credentials: Credentials | undefined;
  /** Where clients are told to go; else the address that they name. */
  readonly endpoint: { readonly host: string; readonly port: number } | undefined;
  readonly makeGroups: boolean;
  readonly makeTopics: boolean;
  /** How a message with the id of another is known: by an item of its own, or in this process's memory for a while. */
  readonly sendOnce: "stored" | "remembered" | "never";
  /** A poll costs next to nothing. */
  readonly shortPolls: boolean;
}

/** What every call works with. */
export interface Serving {
  readonly broker: RunningBroker;
  readonly clock: Clock;
  readonly log: Log;
  readonly options: GrpcOptions;
  readonly memory: RequestMemory;
  /** The same one that the broker reads by. */
  readonly answerMemory: AnswerMemory;
  readonly sessions: Sessions;
  readonly renewals: Renewals;
  readonly checks: TransactionChecks;
  readonly pushPolls: PushPolls;
  readonly recentSends: RecentSends;
}

/** Who calls. */
export interface Call {
  readonly session: Session;
}

/** A call that may wait, and be left alone. */
export interface WaitingCall extends Call {
  /** Aborts when the client has cancelled the call, or is gone. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds; infinite if the client waits for ever. */
  readonly deadlineMs: number;
}
