import type { components } from "./api-types.ts";
import { StoredMessage } from "./message.ts";

/** What a function is invoked with: messages that were pushed to it. */
export interface PushedBatch {
  readonly messages: readonly components["schemas"]["StoredMessage"][];
}

/** Which of them failed, as Lambda's event sources say it (`ReportBatchItemFailures`). */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/**
 * A Lambda handler of pushed batches. Messages of one message group are handled one after the other, and once one of them has failed
 * those behind it are failed unseen; all else runs side by side.
 */
export function lambdaHandler(handle: (message: StoredMessage) => unknown): (event: PushedBatch) => Promise<BatchResponse> {
  return async ({ messages }) => {
    const failed: { itemIdentifier: string }[] = [];
    const lanes = new Map<string, StoredMessage[]>();
    for (const wire of messages) {
      const lane = wire.messageGroup === null ? `m ${wire.messageId}` : `g ${wire.topic} ${wire.messageGroup}`;
      lanes.set(lane, [...(lanes.get(lane) ?? []), new StoredMessage(wire)]);
    }
    const run = async (lane: readonly StoredMessage[]): Promise<void> => {
      for (const [index, message] of lane.entries()) {
        try {
          await handle(message);
        } catch (error) {
          console.error(`message ${message.messageId} failed:`, error);
          failed.push(...lane.slice(index).map(({ messageId }) => ({ itemIdentifier: messageId })));
          return;
        }
      }
    };
    await Promise.all([...lanes.values()].map(run));
    return { batchItemFailures: failed };
  };
}
