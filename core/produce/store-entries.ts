import type { BrokerError } from "../errors.ts";
import { asBrokerError } from "../store/store-errors.ts";
import type { MessageInput } from "../terms.ts";
import type { Destination, OnceStore } from "./destination.ts";
import { storeByKey } from "./store-by-key.ts";
import { storeBySequence } from "./store-by-sequence.ts";

/**
 * Stores messages at one destination, in order, and answers for each. Those with an identity are stored once. Either all of them have a
 * sequence or none has. Failures of the caller or the store are values.
 */
export async function storeEntries<Receipt>(
  store: OnceStore,
  topicUid: string,
  messages: readonly MessageInput[],
  destination: Destination<Receipt>,
): Promise<readonly (Receipt | BrokerError)[]> {
  if (messages[0]?.once?.kind === "sequence") return storeBySequence(store, topicUid, messages, destination);
  if (messages.some(({ once }) => once)) return storeByKey(store, topicUid, messages, destination);
  try {
    const outcome = await destination.store(messages);
    if (outcome.status === "stored") return outcome.receipts;
    throw new Error("a write without companions was refused");
  } catch (error) {
    const failure = asBrokerError(error);
    return messages.map(() => failure);
  }
}
