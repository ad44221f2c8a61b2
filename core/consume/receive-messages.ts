import type { ReceiveRequest } from "../broker.ts";
import { numberToBase64url, toBase64url } from "../bytes/base64url.ts";
import { hash32 } from "../bytes/hash32.ts";
import { BrokerError, notAvailableYet } from "../errors.ts";
import { PROBES_MAX, RECEIVE_BYTES_MAX } from "../limits.ts";
import type { Item } from "../ports/item-store.ts";
import type { ConsumerGroup, ReceivedMessage, StoredMessage, Subscription, Topic } from "../terms.ts";
import { consumerLane } from "./arrivals.ts";
import { type ConsumedQueue, type Consumption, type Delivery, logQueue } from "./consumption.ts";
import { giveBackUnsent } from "./give-back.ts";
import { NONCE_CHARS, progressOf } from "./progress.ts";
import type { SubscriptionRegistry } from "./subscription-registry.ts";
import { dueAgainMs, dueClaim, messagesOfClaim } from "./take-due.ts";
import { type Budget, takeFromQueue } from "./take-from-queue.ts";

type Receiving = Consumption & { readonly subscriptions: SubscriptionRegistry };

/**
 * Takes up to `max` messages for a consumer of the group, each under a lease and with a handle to settle it.
 *
 * Queues are visited in an order that turns with every call (highest priority first on PRIORITY topics) until `max` is
 * reached; an empty answer means that every readable queue had nothing, all through `waitMs`. A call with an attemptId that
 * holds messages already, because its reply was lost, gets the same messages, order and handles while their lease runs.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST (no such subscription, ordered delivery), TOO_MANY_REQUESTS, FORBIDDEN.
 * Source: RocketMQ POP; invariants I4, I5.
 */
export async function receiveMessages(
  receiving: Receiving,
  groupName: string,
  request: ReceiveRequest,
  signal?: AbortSignal,
): Promise<readonly ReceivedMessage[]> {
  const group = await receiving.subscriptions.groups.resolve(groupName);
  const topics = await subscribedTopics(receiving, group, request.topics);
  const leaseMs = request.leaseMs ?? group.leaseSeconds * 1_000;
  const nonce = request.attemptId === undefined ? randomNonce(receiving) : attemptNonce(group, request.attemptId);
  const turn = request.attemptId === undefined ? Math.floor(receiving.random.fraction() * 2 ** 32) : hash32(request.attemptId);
  const queues = visitingOrder(group, topics, turn);
  const budget: Budget = { messages: request.max, bytes: RECEIVE_BYTES_MAX, nonce, leaseMs };
  const look = async (): Promise<Look> => {
    if (request.attemptId !== undefined) {
      const held = await heldDeliveries(receiving, queues, nonce);
      if (held.length > 0) return { deliveries: held, nextDueMs: undefined };
    }
    return lookThrough(receiving, queues, budget);
  };
  if (request.waitMs <= 0) return answer(receiving, group, queues, (await look()).deliveries);
  const deliveries = await lookAndWait(receiving, topics, look, receiving.clock.nowMs() + request.waitMs, signal);
  if (!signal?.aborted) return answer(receiving, group, queues, deliveries);
  // The consumer went away while messages were taken for it: others need not wait for the lease to end.
  for (const delivery of deliveries) await giveBackUnsent(receiving, delivery, delivery.messages);
  return [];
}

interface SubscribedTopic {
  readonly subscription: Subscription;
  readonly topic: Topic;
}

interface Look {
  readonly deliveries: readonly Delivery[];
  /** When the first claim that is out falls due. */
  readonly nextDueMs: number | undefined;
}

async function lookAndWait(
  receiving: Receiving,
  topics: readonly SubscribedTopic[],
  look: () => Promise<Look>,
  untilMs: number,
  signal: AbortSignal | undefined,
): Promise<readonly Delivery[]> {
  const lanes = topics.map(({ subscription, topic }) => ({ topicUid: topic.uid, lane: consumerLane(subscription.uid) }));
  const waiter = receiving.arrivals.join(lanes, signal);
  let found = false;
  try {
    for (;;) {
      const { deliveries, nextDueMs } = await look();
      found = deliveries.length > 0;
      const nowMs = receiving.clock.nowMs();
      if (found || nowMs >= untilMs || signal?.aborted || receiving.arrivals.stopped) return deliveries;
      await waiter.wait(Math.min(untilMs, Math.max(nextDueMs ?? untilMs, nowMs + 1)));
      if (signal?.aborted) return [];
    }
  } finally {
    waiter.leave(found);
  }
}

/** One pass. The first queue goes ahead on a warm image; what is then missing is looked for in all others at once. */
async function lookThrough(receiving: Receiving, queues: readonly ConsumedQueue[], budget: Budget): Promise<Look> {
  const deliveries: Delivery[] = [];
  let messages = budget.messages;
  let bytes = budget.bytes;
  const take = async (queue: ConsumedQueue, item: Item, fresh: boolean): Promise<void> => {
    for (const delivery of await takeFromQueue(receiving, queue, { item, fresh }, { ...budget, messages, bytes })) {
      deliveries.push(delivery);
      messages -= delivery.handedOut;
      bytes -= delivery.messages.reduce((sum, message) => sum + message.body.length, 0);
    }
  };
  const [first] = queues;
  const warm = first && receiving.progress.recent(first.subscription.uid, first.queueId);
  if (first && warm) await take(first, warm, true);
  let nextDueMs: number | undefined;
  for (let from = 0; from < queues.length && messages > 0 && bytes > 0; from += PROBES_MAX) {
    const some = queues.slice(from, from + PROBES_MAX);
    const items = await receiving.progress.readAll(
      some.map(({ subscription, queueId }) => ({ subscriptionUid: subscription.uid, queueId })),
    );
    const promising = await Promise.all(some.map((queue, index) => hasSomething(receiving, queue, items[index] as Item)));
    for (const [index, queue] of some.entries()) {
      if (messages > 0 && bytes > 0 && promising[index]) await take(queue, items[index] as Item, true);
      for (const claim of progressOf(items[index] as Item).claims.values()) {
        nextDueMs = Math.min(nextDueMs ?? Number.POSITIVE_INFINITY, dueAgainMs(claim, receiving.skewMarginMs));
      }
    }
  }
  return { deliveries, nextDueMs };
}

async function hasSomething(receiving: Receiving, queue: ConsumedQueue, item: Item): Promise<boolean> {
  const progress = progressOf(item);
  if (dueClaim(progress, receiving.clock.nowMs(), receiving.skewMarginMs)) return true;
  return (await receiving.log.reader.run(logQueue(queue), progress.next, 1, progress.hint)).available > 0;
}

/** What an earlier call with the same attemptId still holds. */
async function heldDeliveries(
  receiving: Receiving,
  queues: readonly ConsumedQueue[],
  nonce: string,
): Promise<readonly Delivery[]> {
  const items = await receiving.progress.readAll(
    queues.map(({ subscription, queueId }) => ({ subscriptionUid: subscription.uid, queueId })),
  );
  const deliveries: Delivery[] = [];
  for (const [index, queue] of queues.entries()) {
    const progress = progressOf(items[index] as Item);
    for (const claim of progress.claims.values()) {
      if (claim.nonce !== nonce || claim.dueMs <= receiving.clock.nowMs()) continue;
      const messages = await messagesOfClaim(receiving, queue, claim);
      const { generation } = progress;
      deliveries.push({
        queue,
        generation,
        claimId: claim.id,
        ...claim,
        leaseUntilMs: claim.dueMs,
        messages,
        handedOut: claim.open.length,
      });
    }
  }
  return deliveries;
}

/** In the order of the visit, then of the offsets: a repeated call answers alike. What the reply has no room for goes back. */
async function answer(
  receiving: Receiving,
  group: ConsumerGroup,
  queues: readonly ConsumedQueue[],
  deliveries: readonly Delivery[],
): Promise<readonly ReceivedMessage[]> {
  const place = new Map(queues.map((queue, index) => [queue, index]));
  const ordered = [...deliveries].sort(
    (a, b) =>
      (place.get(a.queue) ?? 0) - (place.get(b.queue) ?? 0) || (a.messages[0]?.offset ?? 0) - (b.messages[0]?.offset ?? 0),
  );
  const received: ReceivedMessage[] = [];
  let bytes = 0;
  for (const delivery of ordered) {
    const show = receivedBy(receiving, group, delivery);
    const sent = delivery.messages.filter((message) => {
      const fits = received.length === 0 || bytes + message.body.length <= RECEIVE_BYTES_MAX;
      if (fits) {
        bytes += message.body.length;
        received.push(show(message));
      }
      return fits;
    });
    if (sent.length < delivery.messages.length) await giveBackUnsent(receiving, delivery, delivery.messages.slice(sent.length));
  }
  return received;
}

/** How this delivery's messages are shown to the consumer. */
function receivedBy(receiving: Receiving, group: ConsumerGroup, delivery: Delivery): (message: StoredMessage) => ReceivedMessage {
  const { queue, generation, claimId, first, nonce, attempt, leaseUntilMs, handedOut } = delivery;
  const topic = queue.topic.name;
  const { maxAttempts } = group;
  const receiptHandle = receiving.handles.forDelivery({
    groupUid: group.uid,
    subscriptionUid: queue.subscription.uid,
    queueId: queue.queueId,
    generation,
    claimId,
    first,
    nonce,
    attempt,
    leaseUntilMs,
    handedOut,
  });
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
    body: message.body,
    attempt,
    maxAttempts,
    leaseUntilMs,
    receiptHandle: receiptHandle(message.offset - first),
  });
}

async function subscribedTopics(
  receiving: Receiving,
  group: ConsumerGroup,
  names: readonly string[] | undefined,
): Promise<readonly SubscribedTopic[]> {
  const subscriptions = await receiving.subscriptions.of(group);
  const missing = names?.find((name) => !subscriptions.some(({ topic }) => topic === name));
  if (missing !== undefined || subscriptions.length === 0) {
    const what = missing === undefined ? "any topic" : `topic '${missing}'`;
    const path = `PUT /v1/groups/${group.name}/subscriptions/${missing ?? "{topic}"}`;
    throw new BrokerError("BAD_REQUEST", `Group '${group.name}' is not subscribed to ${what}. Subscribe it with ${path}.`);
  }
  const topics: SubscribedTopic[] = [];
  for (const subscription of subscriptions) {
    if (names && !names.includes(subscription.topic)) continue;
    const topic = await receiving.topics.lookUp(subscription.topic);
    // The topic was deleted, and perhaps another made under its name: that one wants a subscription of its own.
    if (topic?.uid !== subscription.topicUid) continue;
    if (topic.type === "FIFO") throw notAvailableYet(`Receiving from a FIFO topic ('${topic.name}')`);
    if (!(topic.perm & 4))
      throw new BrokerError("FORBIDDEN", `Topic '${topic.name}' does not allow reading: its perm is ${topic.perm}.`);
    topics.push({ subscription, topic });
  }
  return topics;
}

/** Topics and their queues in an order turned by `turn`; a PRIORITY topic's from the highest queue down. */
function visitingOrder(group: ConsumerGroup, topics: readonly SubscribedTopic[], turn: number): readonly ConsumedQueue[] {
  return topics.flatMap((_, index) => {
    const { subscription, topic } = topics[(index + turn) % topics.length] as SubscribedTopic;
    return Array.from({ length: topic.readQueues }, (_unused, queue) => {
      const queueId = topic.type === "PRIORITY" ? topic.readQueues - 1 - queue : (queue + turn) % topic.readQueues;
      return { group, subscription, topic, queueId };
    });
  });
}

const randomNonce = (receiving: Receiving): string => toBase64url(receiving.random.bytes(6)).slice(0, NONCE_CHARS);

const attemptNonce = (group: ConsumerGroup, attemptId: string): string =>
  numberToBase64url(hash32(`${group.uid}/${attemptId}`), NONCE_CHARS);
