import type { QueueLog } from "../log/queue-log.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { ItemStore } from "../ports/item-store.ts";
import type { Reading } from "../ports/reading.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import { halfMessageKey, rememberedHalf } from "./half-message.ts";
import type { TransactionCheck } from "./transaction.ts";
import { transactionCheck } from "./transaction-check.ts";

/** The part of a received check that is remembered. It waits for no other producer. */
export type TakenCheck = Pick<TransactionCheck, "transactionId" | "checkNumber">;

/**
 * The checks that one receive took, at most RECEIVE_CHECKS_MAX, for a producer that lost the answer. Checks are left out if their
 * transaction has ended, or if another check has followed, which waits to be received itself. Changes nothing.
 * Errors: `StoreUnavailable`.
 */
export async function checksAgain(
  store: { readonly items: ItemStore; readonly clock: Clock; readonly log: QueueLog; readonly reading: Reading },
  taken: readonly TakenCheck[],
): Promise<readonly TransactionCheck[]> {
  const read = async (): Promise<readonly TransactionCheck[]> => {
    const items = await store.items.batchGet(taken.map(({ transactionId }) => halfMessageKey(transactionId)));
    const checks = await Promise.all(
      taken.map(async ({ checkNumber }, at) => {
        const half = rememberedHalf(items[at], store.clock.nowMs());
        if (half?.state !== "PREPARED" || half.checks !== checkNumber) return undefined;
        return transactionCheck(store.log, half, checkNumber).catch((error: unknown) => {
          // A check with an unreadable message must not hide the others.
          if (!StoreCorrupt.is(error)) throw error;
          return undefined;
        });
      }),
    );
    return checks.filter((check) => check !== undefined);
  };
  return store.reading.admit(read, (checks) => bodyBytes(checks.map(({ message }) => message)));
}
