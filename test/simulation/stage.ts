import type { RunningBroker } from "../../core/create-broker.ts";
import { BrokerError } from "../../core/errors.ts";
import type { SendReceipt, StoredMessage, StoredReceipt } from "../../core/terms.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { Shown } from "./audit/seen.ts";
import type { Handler } from "./handler.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

/** A client's call that was given up, or met a handler that died. */
export const SILENCE = "silence";
export type Silence = typeof SILENCE;

/** The surroundings of an actor: any handler, picked anew for each call, through a client that gives up. */
export interface Stage {
  readonly world: World;
  readonly auditor: Auditor;
  readonly scenario: Scenario;
  /** Whether replies can be lost inside: a refused request may then still have worked. */
  readonly repliesGetLost: boolean;
  /** Whether claims have moved out of their item: a settle cannot look up its earlier work there. */
  readonly claimsMoved: () => boolean;
  readonly over: () => boolean;
  /** Which part of the history it is. */
  readonly age: number;
  /** Resolves when time has leapt. Absent: it does not leap any more. */
  readonly leapt: Promise<void> | undefined;
  /** The answer, the contract's error, or nothing. */
  ask<T>(verb: (broker: RunningBroker) => Promise<T>, timeoutMs: number): Promise<T | BrokerError | Silence>;
  /** A process that only rolls. */
  startRoller(): Handler;
  /** Loses or garbles an object. */
  damageObject(): Promise<void>;
  /** Continues in parallel to its caller. The history ends after it. */
  beside(work: Promise<void>): void;
}

/** One consumer: receives, works for a while, and settles in every way there is. */
export interface Consumer {
  readonly name: string;
  /** How far its clock is ahead. */
  readonly skewMs: number;
}

/** The answer, or silence. */
export async function call<T>(
  stage: Stage,
  verb: (broker: RunningBroker) => Promise<T>,
  timeoutMs: number,
): Promise<T | "unknown"> {
  const answer = await stage.ask(verb, timeoutMs);
  return answer === SILENCE || BrokerError.is(answer) ? "unknown" : answer;
}

const SHOWN_BYTES_MAX = 64;
const decoder = new TextDecoder();

/** The place of a message that was sent without a delay. */
export function placed(receipt: SendReceipt): StoredReceipt {
  if (!("offset" in receipt)) throw new Error(`${receipt.messageId} waits, and was not asked to`);
  return receipt;
}

export function seenOf(message: Pick<StoredMessage, "queueId" | "offset" | "storedAtMs" | "body">): Shown {
  const text = decoder.decode(message.body.subarray(0, SHOWN_BYTES_MAX));
  const { queueId, offset, storedAtMs } = message;
  return { queueId, offset, storedAtMs, body: text.slice(0, text.indexOf("|")) };
}
