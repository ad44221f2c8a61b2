import { BrokerError } from "../errors.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import { type HalfMessage, halfMessageKey, rememberedHalf, transactionOf } from "./half-message.ts";
import type { Transaction } from "./transaction.ts";

interface TransactionStore {
  readonly items: ItemStore;
  readonly clock: Clock;
  readonly log: QueueLog;
}

/** Errors: NOT_FOUND. */
export const getTransaction = async (store: TransactionStore, id: string): Promise<Transaction> =>
  showTransaction(store, await getHalfMessage(store, id));

/** The transaction as it is shown, with the offset it was committed to. */
export async function showTransaction({ log }: Pick<TransactionStore, "log">, half: HalfMessage): Promise<Transaction> {
  const { place, topicUid } = half;
  return transactionOf(half, place && { queueId: place.queueId, offset: (await log.find(topicUid, place))?.offset });
}

const TRANSACTION_ID = /^[0-9A-F]{32}$/;

/** Errors: NOT_FOUND. */
export async function getHalfMessage({ items, clock }: Omit<TransactionStore, "log">, id: string): Promise<HalfMessage> {
  const item = TRANSACTION_ID.test(id) ? await items.get(halfMessageKey(id)) : undefined;
  const half = rememberedHalf(item, clock.nowMs());
  if (half) return half;
  throw new BrokerError(
    "NOT_FOUND",
    "No transaction has this id. One that ended is forgotten after a day, a discarded one after 30.",
  );
}
