import type { TransactionCheck } from "../../../core/transaction/transaction.ts";
import { type Bodies, storedMessageJson } from "./message-json.ts";

/** A check, as it is received by a producer or posted to it. Its message has no queue yet. */
export function checkJson({ transactionId, checkNumber, topic, message }: TransactionCheck, bodies: Bodies = "text") {
  const { queueId: _, offset: __, ...shown } = storedMessageJson({ ...message, queueId: 0, offset: 0 }, topic, bodies);
  return { transactionId, checkNumber, topic, message: shown };
}
