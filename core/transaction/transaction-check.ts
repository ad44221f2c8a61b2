import type { QueueLog } from "../log/queue-log.ts";
import { frameOf, type HalfMessage } from "./half-message.ts";
import type { TransactionCheck } from "./transaction.ts";

/** The check as a producer gets it, with its message. Errors: `StoreCorrupt`. */
export async function transactionCheck(
  log: Pick<QueueLog, "detached">,
  half: HalfMessage,
  checkNumber: number,
): Promise<TransactionCheck> {
  const messageId = half.chosenId ?? half.id;
  const record = await log.detached.decode(frameOf(half), messageId);
  const { id: transactionId, topic, producerGroup, createdAtMs } = half;
  return {
    transactionId,
    checkNumber,
    topic,
    producerGroup,
    message: { ...record, messageId, storedAtMs: createdAtMs },
  };
}
