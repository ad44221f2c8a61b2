import { Code, TransactionResolution } from "../generated/apache/rocketmq/v2/definition.ts";
import type {
  EndTransactionRequest,
  EndTransactionResponse,
  RecallMessageRequest,
  RecallMessageResponse,
} from "../generated/apache/rocketmq/v2/service.ts";
import { topicName } from "../names.ts";
import type { Serving } from "../serving.ts";
import { OK, RefusedCall } from "../status.ts";

/** Decides a transaction. A repeat is answered alike; the opposite afterwards is INVALID_TRANSACTION_ID. */
export async function endTransaction({ broker }: Serving, request: EndTransactionRequest): Promise<EndTransactionResponse> {
  topicName(request.topic);
  const { transactionId, resolution } = request;
  if (transactionId === "") throw new RefusedCall(Code.INVALID_TRANSACTION_ID, "There is no transaction id.");
  // The producer does not know yet: it is asked again.
  if (resolution === TransactionResolution.TRANSACTION_RESOLUTION_UNSPECIFIED) return { status: OK };
  await broker.endTransaction(transactionId, resolution === TransactionResolution.COMMIT ? "commit" : "rollback");
  return { status: OK };
}

/** Cancels a delayed message. */
export async function recallMessage({ broker }: Serving, request: RecallMessageRequest): Promise<RecallMessageResponse> {
  const { messageId } = await broker.cancelMessage(topicName(request.topic), request.recallHandle);
  return { status: OK, messageId };
}
