import { halfMessagesPk } from "../keys.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { ListPage } from "../requests.ts";
import { mergedPage } from "../store/merged-page.ts";
import { showTransaction } from "./get-transaction.ts";
import { type HalfMessage, rememberedHalf } from "./half-message.ts";
import type { Transaction } from "./transaction.ts";
import { HALF_MESSAGE_SHARDS, TRANSACTIONS_LISTED_MAX } from "./transaction-limits.ts";
import type { ListTransactionsRequest } from "./transactions.ts";

const PKS = Array.from({ length: HALF_MESSAGE_SHARDS }, (_, shard) => halfMessagesPk(shard));
/** Items of each shard per read. */
const PAGE = 32;

/** Transactions in the order they began. At most 2,000 are read, and then `complete` is false. */
export async function listTransactions(
  store: { readonly items: ItemStore; readonly clock: Clock; readonly log: QueueLog },
  { limit, after, state, producerGroup }: ListTransactionsRequest,
): Promise<ListPage<Transaction>> {
  const wanted = (half: HalfMessage | undefined): half is HalfMessage =>
    half !== undefined &&
    (state === undefined || half.state === state) &&
    (producerGroup === undefined || half.producerGroup === producerGroup);
  const found: HalfMessage[] = [];
  const page = async (next: string | undefined, complete: boolean): Promise<ListPage<Transaction>> => ({
    items: await Promise.all(found.map((half) => showTransaction(store, half))),
    next,
    complete,
  });
  let last = after;
  for (let read = 0; read < TRANSACTIONS_LISTED_MAX; ) {
    const { items, more } = await mergedPage(store.items, PKS, last, PAGE);
    for (const item of items) {
      read++;
      const half = rememberedHalf(item, store.clock.nowMs());
      if (wanted(half)) {
        if (found.length === limit) return page(last, true);
        found.push(half);
      }
      last = item.sk;
    }
    if (!more) return page(undefined, true);
  }
  return page(last, false);
}
