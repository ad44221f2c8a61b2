import type { QueueLog } from "../log/queue-log.ts";
import { frameOf, type HalfMessage } from "./half-message.ts";
import type { TransactionCheck } from "./transaction.ts";

/** The question that a producer is asked, message and all. Errors: `StoreCorrupt`. */
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
