import { BrokerError, type ErrorCodeName } from "../errors.ts";
import type { Refused } from "../log/chain-write.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore, TransactWrite } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { MessageInput } from "../terms.ts";
import type { KnownPlace } from "./known-place.ts";

/** The writes that make messages known by their identities, in the transaction that stores the messages at this place. */
export type Identities = (place: KnownPlace) => readonly TransactWrite[];

/** Where a message was stored before, according to its identity: it is number `ordinal` of that write. */
export interface SentBefore {
  readonly place: KnownPlace;
  readonly ordinal: number;
  readonly messageId: string;
}

/** Where messages of one call are stored together: a queue, a timer, a transaction. `Receipt`: the answer for each message. */
export interface Destination<Receipt> {
  /**
   * Stores the messages in order, with the identity writes, if any: all of it or nothing. `refused` says which of those writes met
   * another item. Errors: `StoreUnavailable`.
   */
  store(
    messages: readonly MessageInput[],
    identities?: Identities,
  ): Promise<{ readonly status: "stored"; readonly receipts: readonly Receipt[] } | Refused>;
  /** The answer for a message that was stored before. Errors: MESSAGE_EXPIRED if it can no longer be found. */
  receiptOf(sent: SentBefore): Promise<Receipt>;
}

export interface OnceStore {
  readonly items: ItemStore;
  readonly clock: Clock;
}

/** The answer to a repeat, or its error as a value, because other messages must not fail with it. Errors: `StoreUnavailable`. */
export async function answerRepeat<Receipt>(destination: Destination<Receipt>, sent: SentBefore): Promise<Receipt | BrokerError> {
  try {
    return await destination.receiptOf(sent);
  } catch (error) {
    if (BrokerError.is(error)) return error;
    throw error;
  }
}

/** After `untilMs` nothing may be stored any more, since the sender has gone. Errors: `StoreUnavailable`. */
export function requireInTime(clock: Clock, untilMs: number): void {
  if (clock.nowMs() >= untilMs) throw new StoreUnavailable("not-applied", "unavailable", "the send did not end in time");
}

/** Whether the next messages would fail alike: the store fails, does not answer in time, or cannot be read. */
export const stopsAll = ({ code }: BrokerError): boolean => STOPPING.has(code);

const STOPPING: ReadonlySet<ErrorCodeName> = new Set([
  "STORE_UNAVAILABLE",
  "STORE_CORRUPT",
  "REQUEST_TIMEOUT",
  "SERVER_BUSY",
  "TOO_MANY_REQUESTS",
]);
