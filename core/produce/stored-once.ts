import { BrokerError, type ErrorCodeName } from "../errors.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { Item, ItemStore, TransactWrite } from "../ports/item-store.ts";
import type { SendIdentity } from "../terms.ts";
import type { KnownPlace } from "./known-place.ts";

/** One message of a write that is stored once. */
export interface OnceEntry {
  /** The id its producer chose. */
  readonly messageId?: string | undefined;
  readonly body: Uint8Array;
  readonly once?: SendIdentity | undefined;
}

/**
 * Stores entries together, in their order, with the writes that make them known, if any: all of it or nothing. `refused` says which
 * of those writes met something else.
 */
export type WriteTogether<E extends OnceEntry, R> = (
  entries: readonly E[],
  identities?: (place: KnownPlace) => readonly TransactWrite[],
) => Promise<
  | { readonly status: "stored"; readonly receipts: readonly R[] }
  | { readonly status: "refused"; readonly currents: readonly ({ readonly current: Item | undefined } | undefined)[] }
>;

/** The answer to a repeat. Errors: MESSAGE_EXPIRED when what was sent can no longer be found. */
export type AnswerRepeat<R> = (sent: {
  readonly place: KnownPlace;
  readonly ordinal: number;
  readonly messageId: string;
}) => Promise<R>;

export interface OnceStore {
  readonly items: ItemStore;
  readonly clock: Clock;
}

/** The answer to a repeat, or what it fails with: another entry is not to suffer for it. Errors: `StoreUnavailable`. */
export async function answered<R>(answer: AnswerRepeat<R>, sent: Parameters<AnswerRepeat<R>>[0]): Promise<R | BrokerError> {
  try {
    return await answer(sent);
  } catch (error) {
    if (BrokerError.is(error)) return error;
    throw error;
  }
}

/** Whether what follows would meet the same: a store that fails, does not answer in time, or cannot be read. */
export const stopsAll = ({ code }: BrokerError): boolean => STOPPING.has(code);

const STOPPING: ReadonlySet<ErrorCodeName> = new Set([
  "STORE_UNAVAILABLE",
  "STORE_CORRUPT",
  "REQUEST_TIMEOUT",
  "SERVER_BUSY",
  "TOO_MANY_REQUESTS",
]);

/** The offset of what was sent. Errors: MESSAGE_EXPIRED. */
export async function offsetSent(
  log: QueueLog,
  topicUid: string,
  place: Extract<KnownPlace, { kind: "queue" }>,
  ordinal: number,
): Promise<number> {
  const offset = await log.offsetOf(topicUid, place);
  if (offset !== undefined) return offset + ordinal;
  throw new BrokerError("MESSAGE_EXPIRED", "This was sent before; the message has expired since.");
}
