import type { components } from "./api-types.ts";
import { ApogeeError } from "./apogee-error.ts";
import { type Duration, secondsOf } from "./duration.ts";
import { Message } from "./message.ts";
import type { SettleKind, Settlements, SettleResult, Settler } from "./settlements.ts";

type WireReceived = components["schemas"]["ReceivedMessage"];

export interface NackOptions {
  /** How soon it is delivered again, in whole seconds. Default: by the group's backoff. */
  readonly delay?: Duration;
  /** For whoever looks at the dead letter. */
  readonly reason?: string;
  /** `false`: this delivery does not count as an attempt. */
  readonly countAttempt?: boolean;
}

export interface ExtendOptions {
  /** `true`: its lease ends after exactly this time, even if it would have run for longer. It can be settled until then. */
  readonly mayShorten?: boolean;
  /** `false`, only with `mayShorten`: if the lease ends then, this delivery does not count as an attempt. */
  readonly countAttempt?: boolean;
}

/** Of the 16 KiB of properties that a dead letter has. */
const REASON_CHARACTERS_MAX = 500;

/** Half a surrogate pair, which a cut may leave, is no text to the broker. */
const shortened = (reason: string): string => reason.slice(0, REASON_CHARACTERS_MAX).replace(/\p{Surrogate}/gu, "\ufffd");

export interface LeaseTimes {
  /** By this process's clock. */
  readonly leaseUntilMs: number;
  /** From the arrival on. */
  readonly leaseMs: number;
}

/** A message and its lease. Each of `ack`, `nack` and `deadLetter` settles it, and the first one counts. */
export class ReceivedMessage<Value = unknown> extends Message<Value> implements WireReceived {
  declare readonly queueId: number;
  declare readonly offset: string;
  /** Deliveries to the group, this one included. */
  declare readonly attempt: number;
  declare readonly maxAttempts: number;
  /** By the broker's clock, as of the receive. */
  declare readonly leaseUntil: string;
  declare readonly receiptHandle: string;
  readonly #settler: Settler;
  readonly #lease: LeaseTimes;
  #settled: Promise<SettleResult> | undefined;
  #isGivenBack = false;

  constructor(wire: WireReceived, settler: Settler, lease: LeaseTimes) {
    super(wire);
    this.#settler = settler;
    this.#lease = lease;
  }

  /** When the lease that it came with ends, by this process's clock. */
  get leaseUntilMs(): number {
    return this.#lease.leaseUntilMs;
  }

  /** Whether it was acked, given back or dead-lettered, or is about to be. */
  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  /** Whether it is settled by a `nack`. */
  get isGivenBack(): boolean {
    return this.#isGivenBack;
  }

  /** Resolves when the broker has answered the settlement, whatever it said. */
  async settled(): Promise<void> {
    await this.#settled?.catch(() => undefined);
  }

  /** Errors: `ApogeeError`, such as `LEASE_LOST`. */
  async ack(): Promise<void> {
    await this.#settle("acks", {});
  }

  /** Gives it back: it is delivered again, or dead-lettered after the last attempt. Errors: as `ack`. */
  async nack({ delay, reason, countAttempt }: NackOptions = {}): Promise<void> {
    this.#isGivenBack ||= !this.isSettled;
    await this.#settle("nacks", {
      ...(delay === undefined ? {} : { delaySeconds: Math.ceil(secondsOf(delay)) }),
      ...(reason === undefined ? {} : { reason: shortened(reason) }),
      ...(countAttempt === undefined ? {} : { countAttempt }),
    });
  }

  /** Errors: as `ack`. */
  async deadLetter(reason: string): Promise<void> {
    await this.#settle("deadLetters", { reason: shortened(reason) });
  }

  /** Keeps it hidden for so long from now. Errors: as `ack`. */
  async extend(lease: Duration, options?: ExtendOptions): Promise<void> {
    const leaseSeconds = Math.ceil(secondsOf(lease));
    await this.#settler.settle("extends", { receiptHandle: this.receiptHandle, leaseSeconds, ...options }, 0);
  }

  #settle<K extends SettleKind>(kind: K, entry: Omit<Settlements[K], "receiptHandle">): Promise<SettleResult> {
    this.#settled ??= this.#settler.settle(
      kind,
      { ...entry, receiptHandle: this.receiptHandle } as Settlements[K],
      this.#lease.leaseMs,
    );
    return this.#settled;
  }
}

/** Thrown by a handler, it makes the message a dead letter at once: no further attempt would help. */
export class Reject extends Error {
  override readonly name = "Reject";
}

/** Settles a message that a handler failed at. Errors: as `ack`. */
export const settleFailed = (message: ReceivedMessage, error: unknown): Promise<void> =>
  isReject(error) ? message.deadLetter(error.message) : message.nack({ reason: reasonOf(error) });

export const isReject = (error: unknown): error is Error => (error as Error | undefined)?.name === "Reject";

/** Why a handler failed, in a line. */
function reasonOf(error: unknown): string {
  if (ApogeeError.is(error)) return error.message;
  return typeof error === "object" && !(error instanceof Error) ? "the handler threw an object" : String(error);
}
