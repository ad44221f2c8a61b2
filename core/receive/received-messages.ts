import { shownTopicName } from "../names.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import type { Delivery } from "../progress/held.ts";
import { giveBackUnsent } from "../settle/give-back-unsent.ts";
import type { ConsumerGroup, ReceivedMessage, StoredMessage } from "../terms.ts";
import type { Budget } from "./budget.ts";

/** The receive whose answer it is. */
interface ReceivedBy {
  readonly group: ConsumerGroup;
  /** In the order in which they were visited. */
  readonly queues: readonly ConsumedQueue[];
  readonly budget: Budget;
}

/** Sorted by visit, then by offset: a repeated call answers alike. Messages that do not fit are given back. */
export async function receivedMessages(
  consumption: Consumption,
  { group, queues, budget }: ReceivedBy,
  deliveries: readonly Delivery[],
): Promise<readonly ReceivedMessage[]> {
  const ranks = new Map(queues.map(({ subscription, queueId }, index) => [`${subscription.uid}#${queueId}`, index]));
  const rankOf = ({ queue }: Delivery): number => ranks.get(`${queue.subscription.uid}#${queue.queueId}`) ?? 0;
  const ordered = [...deliveries].sort(
    (a, b) => rankOf(a) - rankOf(b) || (a.messages[0]?.offset ?? 0) - (b.messages[0]?.offset ?? 0),
  );
  const received: ReceivedMessage[] = [];
  let bytes = 0;
  for (const delivery of ordered) {
    const show = receivedBy(consumption, group, delivery);
    const count = countThatFits(delivery, { empty: received.length === 0, bytesLeft: budget.bytes - bytes });
    for (const message of delivery.messages.slice(0, count)) {
      bytes += message.body.length;
      received.push(show(message));
    }
    if (count < delivery.messages.length) {
      // If giving back fails, those messages return after their lease. The reply must not be lost for it.
      await giveBackUnsent(consumption, delivery, delivery.messages.slice(count)).catch((error: unknown) => {
        if (!StoreUnavailable.is(error)) throw error;
      });
    }
  }
  return received;
}

/** How this delivery's messages are shown to the consumer. */
function receivedBy(
  consumption: Consumption,
  group: ConsumerGroup,
  delivery: Delivery,
): (message: StoredMessage) => ReceivedMessage {
  const { queue, held, messages } = delivery;
  const { first, order, attempt } = held;
  const topic = shownTopicName(queue.topic.name);
  const { maxAttempts } = group;
  const receiptHandle = consumption.handles.forDelivery({
    groupUid: group.uid,
    subscriptionUid: queue.subscription.uid,
    queueId: queue.queueId,
    held,
    offsets: order && messages.map(({ offset }) => offset - first),
  });
  // An ordered claim counts the attempts of its head.
  const attemptOf = (offset: number): number => (order && offset - first !== order.head ? 1 : attempt);
  const shownUntilMs = consumption.clock.wallMs(held.dueMs);
  // Spelt out: this runs for every message, and a spread takes several times as long.
  return (message) => ({
    messageId: message.messageId,
    topic,
    queueId: message.queueId,
    offset: message.offset,
    bornAtMs: message.bornAtMs,
    storedAtMs: message.storedAtMs,
    tag: message.tag,
    keys: message.keys,
    properties: message.properties,
    messageGroup: message.messageGroup,
    priority: message.priority,
    bornHost: message.bornHost,
    traceContext: message.traceContext,
    deliverAtMs: message.deliverAtMs,
    transactionId: message.transactionId,
    body: message.body,
    attempt: attemptOf(message.offset),
    maxAttempts,
    leaseUntilMs: shownUntilMs,
    receiptHandle: receiptHandle(message.offset - first),
  });
}

/**
 * How many of a delivery's messages, from its first on, a reply still has room for. The first message of a reply comes whatever
 * its size; an ordered delivery comes whole or not at all, since what is given back of it takes the rest along.
 */
function countThatFits(
  { messages, held: { order } }: Delivery,
  reply: { readonly empty: boolean; readonly bytesLeft: number },
): number {
  let bytes = 0;
  const end = messages.findIndex(({ body }: StoredMessage, index) => {
    bytes += body.length;
    return bytes > reply.bytesLeft && !(reply.empty && index === 0);
  });
  if (end < 0) return messages.length;
  if (order === undefined) return end;
  return reply.empty ? messages.length : 0;
}
