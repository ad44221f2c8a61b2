import { BrokerError } from "../errors.ts";
import { hasExpired } from "../log/retention.ts";
import type { MessageRecord } from "../message/record-codec.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import type { RecallHandles } from "../timer/recall-handle.ts";
import type { Scheduling } from "../timer/schedule-message.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import type { Arrivals } from "../wake/arrivals.ts";
import type { SentBefore } from "./destination.ts";
import type { QueueChoice } from "./queue-choice.ts";

/** The dependencies of a send. */
export interface Producing extends Scheduling {
  readonly topics: TopicRegistry;
  readonly arrivals: Arrivals;
  readonly choice: QueueChoice;
  readonly recallHandles: RecallHandles;
}

const NO_PROPERTIES: ReadonlyMap<string, string> = new Map();

export const recordOf = (message: MessageInput, nowMs: number): MessageRecord => ({
  messageId: message.messageId,
  bornAtMs: message.bornAtMs ?? nowMs,
  tag: message.tag,
  keys: message.keys ?? [],
  properties: message.properties ?? NO_PROPERTIES,
  messageGroup: message.messageGroup,
  priority: message.priority,
  bornHost: message.bornHost,
  traceContext: message.traceContext,
  deliverAtMs: message.keepsDeliverAt ? message.deliverAtMs : undefined,
  body: message.body,
});

/** The answer for a message that was sent before. Errors: MESSAGE_EXPIRED; BAD_REQUEST if it belongs to a transaction. */
export async function receiptOfRepeat(
  { clock, log, recallHandles }: Producing,
  topic: Topic,
  { place, ordinal, messageId }: SentBefore,
): Promise<SendReceipt> {
  switch (place.kind) {
    case "queue": {
      const found = await log.find(topic.uid, place);
      if (!found || hasExpired(topic, found.storedAtMs ?? Number.POSITIVE_INFINITY, clock.nowMs()))
        throw new BrokerError("MESSAGE_EXPIRED", "This was sent before; the message has expired since.");
      return { messageId, queueId: place.queueId, offset: found.offset + ordinal, duplicate: true };
    }
    case "timer":
      return { messageId, deliverAtMs: place.dueMs, recallHandle: recallHandles.write(topic.uid, place), duplicate: true };
    case "transaction":
      throw new BrokerError("BAD_REQUEST", `This key belongs to the transaction ${place.id}. Use another one.`);
  }
}
