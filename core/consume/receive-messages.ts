import type { ReceiveRequest } from "../broker.ts";
import { numberToBase64url, toBase64url } from "../bytes/base64url.ts";
import { hash32 } from "../bytes/hash32.ts";
import { BrokerError } from "../errors.ts";
import type { MessageFilter } from "../filter/compile-filter.ts";
import { PROBES_MAX, RECEIVE_BYTES_MAX } from "../limits.ts";
import { shownTopicName } from "../names.ts";
import type { Item } from "../ports/item-store.ts";
import { StoreUnavailable } from "../ports/store-failures.ts";
import type { ConsumerGroup, ReceivedMessage, StoredMessage, Subscription, Topic } from "../terms.ts";
import { visitedQueues } from "../topic/visited-queues.ts";
import { consumerLane, type Woken } from "./arrivals.ts";
import type { ConsumedQueue, Consumption, Delivery } from "./consumption.ts";
import { countThatFits } from "./fit-reply.ts";
import { giveBackUnsent } from "./give-back.ts";
import { type Look, lookThrough, pollThrough } from "./look-through.ts";
import { NONCE_CHARS, progressOf } from "./progress.ts";
import type { SubscriptionRegistry } from "./subscription-registry.ts";
import { messagesOfClaim } from "./take-due.ts";
import type { Budget } from "./take-from-queue.ts";

type Receiving = Consumption & { readonly subscriptions: SubscriptionRegistry };

/**
 * Takes up to `max` messages for a consumer of the group, each under a lease and with a handle to settle it.
 *
 * Queues are visited in an order that turns with every call (highest priority first on PRIORITY topics) until `max` is
 * reached; an empty answer means that every readable queue had nothing, all through `waitMs`. A call with an attemptId that
 * holds messages already, because its reply was lost, gets the same messages, order and handles while their lease runs.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST (no such subscription), FORBIDDEN, TOO_MANY_REQUESTS (too many wait; or all that
 * there is to receive is behind deliveries that are still out).
 * Source: RocketMQ POP; invariants I4, I5.
 */
export async function receiveMessages(
  receiving: Receiving,
  groupName: string,
  request: ReceiveRequest,
  signal?: AbortSignal,
): Promise<readonly ReceivedMessage[]> {
  const group = await receiving.subscriptions.groups.resolve(groupName);
  let topics = await subscribedTopics(receiving, group, request.topics);
  const leaseMs = request.leaseMs ?? group.leaseSeconds * 1_000;
  const nonce = request.attemptId === undefined ? randomNonce(receiving) : attemptNonce(group, request.attemptId);
  const turn = request.attemptId === undefined ? receiving.rotation.next(group.uid, request.topics) : hash32(request.attemptId);
  let queues = visitingOrder(group, topics, turn, receiving.clock.nowMs());
  const budget: Budget = { messages: request.max, bytes: request.maxBytes ?? RECEIVE_BYTES_MAX, nonce, leaseMs };
  let polls = 0;
  const look = async (woken?: Woken): Promise<Look> => {
    const { paused } = await receiving.subscriptions.groups.resolve(groupName);
    if (paused) return { deliveries: [], nextDueMs: undefined };
    // While a request waits, topics go, come and grow.
    if (woken) {
      topics = await subscribedTopics(receiving, await receiving.subscriptions.groups.resolve(groupName), request.topics);
      queues = visitingOrder(group, topics, turn, receiving.clock.nowMs());
    }
    if (woken === "poll") queues = someOf(queues, polls++ * PROBES_MAX);
    if (request.attemptId !== undefined) {
      const held = await heldDeliveries(receiving, queues, nonce);
      if (held.length > 0) return { deliveries: held, nextDueMs: undefined };
    }
    return woken === "poll" ? pollThrough(receiving, queues, budget) : lookThrough(receiving, queues, budget);
  };
  const untilMs = receiving.clock.nowMs() + request.waitMs;
  const { deliveries, full } = request.waitMs <= 0 ? await look() : await lookAndWait(receiving, topics, look, untilMs, signal);
  if (deliveries.length === 0 && full && !signal?.aborted) throw tooManyInFlight(full);
  // Waiting is what may be cut short; a request that does not wait is always answered.
  if (request.waitMs <= 0 || !signal?.aborted) return answer(receiving, group, queues, deliveries, budget.bytes);
  // The consumer went away while messages were taken for it: others need not wait for the lease to end.
  for (const delivery of deliveries) await giveBackUnsent(receiving, delivery, delivery.messages);
  return [];
}

interface SubscribedTopic {
  readonly subscription: Subscription;
  readonly topic: Topic;
  readonly filter: MessageFilter;
}

async function lookAndWait(
  receiving: Receiving,
  topics: readonly SubscribedTopic[],
  look: (woken?: Woken) => Promise<Look>,
  untilMs: number,
  signal: AbortSignal | undefined,
): Promise<Look> {
  const lanes = topics.map(({ subscription, topic }) => ({ topicUid: topic.uid, lane: consumerLane(subscription.uid) }));
  const waiter = receiving.arrivals.join(lanes, signal);
  // Until it is known that there was nothing: whoever fails or goes away passes its ring on.
  let passOn = true;
  let woken: Woken | undefined;
  try {
    for (;;) {
      const looked = await look(woken);
      const { nextDueMs } = looked;
      const found = looked.deliveries.length > 0;
      const nowMs = receiving.clock.nowMs();
      if (found || nowMs >= untilMs || signal?.aborted || receiving.arrivals.stopped) {
        passOn = found || signal?.aborted === true;
        return looked;
      }
      // What lies behind is there already: nothing will ring for it.
      woken = looked.more ? "time" : await waiter.wait(Math.min(untilMs, Math.max(nextDueMs ?? untilMs, nowMs + 1)));
      if (signal?.aborted) return { deliveries: [], nextDueMs };
    }
  } finally {
    waiter.leave(passOn);
  }
}

/** What an earlier call with the same attemptId still holds. */
async function heldDeliveries(
  receiving: Receiving,
  queues: readonly ConsumedQueue[],
  nonce: string,
): Promise<readonly Delivery[]> {
  const items = await receiving.progress.readAll(queues);
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
  bytesMax: number,
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
    const count = countThatFits(delivery, { empty: received.length === 0, bytesLeft: bytesMax - bytes });
    for (const message of delivery.messages.slice(0, count)) {
      bytes += message.body.length;
      received.push(show(message));
    }
    if (count < delivery.messages.length) {
      // What cannot be given back comes again when its lease ends; what is sent must not be lost for it.
      await giveBackUnsent(receiving, delivery, delivery.messages.slice(count)).catch((error: unknown) => {
        if (!StoreUnavailable.is(error)) throw error;
      });
    }
  }
  return received;
}

/** How this delivery's messages are shown to the consumer. */
function receivedBy(receiving: Receiving, group: ConsumerGroup, delivery: Delivery): (message: StoredMessage) => ReceivedMessage {
  const { queue, generation, claimId, first, nonce, attempt, leaseUntilMs, handedOut, order } = delivery;
  const topic = shownTopicName(queue.topic.name);
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
    order,
    offsets: order && delivery.messages.map(({ offset }) => offset - first),
  });
  // The attempts of an ordered claim are those of its head.
  const attemptOf = (offset: number): number => (order && offset - first !== order.head ? 1 : attempt);
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
    attempt: attemptOf(message.offset),
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
  const missing = names?.find((name) => !subscriptions.some(({ topic }) => shownTopicName(topic) === name));
  if (missing !== undefined || subscriptions.length === 0) {
    const what = missing === undefined ? "any topic" : `topic '${missing}'`;
    const path = `PUT /v1/groups/${group.name}/subscriptions/${missing ?? "{topic}"}`;
    throw new BrokerError("BAD_REQUEST", `Group '${group.name}' is not subscribed to ${what}. Subscribe it with ${path}.`);
  }
  const topics: SubscribedTopic[] = [];
  for (const subscription of subscriptions) {
    if (names && !names.includes(shownTopicName(subscription.topic))) continue;
    const topic = await receiving.topics.lookUp(subscription.topic);
    // The topic was deleted, and perhaps another made under its name: that one wants a subscription of its own.
    if (topic?.uid !== subscription.topicUid) continue;
    if (!(topic.perm & 4))
      throw new BrokerError("FORBIDDEN", `Topic '${topic.name}' does not allow reading: its perm is ${topic.perm}.`);
    topics.push({ subscription, topic, filter: receiving.filters.of(subscription) });
  }
  return topics;
}

/** Topics and their queues in an order turned by `turn`; a PRIORITY topic's from the highest queue down. */
function visitingOrder(
  group: ConsumerGroup,
  topics: readonly SubscribedTopic[],
  turn: number,
  nowMs: number,
): readonly ConsumedQueue[] {
  return topics.flatMap((_, index) => {
    const { subscription, topic, filter } = topics[(index + turn) % topics.length] as SubscribedTopic;
    const length = visitedQueues(topic, nowMs);
    // One queue further after all topics have come first once: each queue of each comes first in its turn.
    const start = Math.floor(turn / topics.length);
    return Array.from({ length }, (_unused, queue) => {
      const queueId = topic.type === "PRIORITY" ? length - 1 - queue : (queue + start) % length;
      return { group, subscription, topic, queueId, filter };
    });
  });
}

/** A poll's share: so many queues, the next ones each time, so that it costs the same for any number of queues. */
const someOf = (queues: readonly ConsumedQueue[], from: number): readonly ConsumedQueue[] =>
  queues.length <= PROBES_MAX
    ? queues
    : Array.from({ length: PROBES_MAX }, (_, index) => queues[(from + index) % queues.length] as ConsumedQueue);

const tooManyInFlight = ({ group, topic, queueId }: ConsumedQueue): BrokerError =>
  new BrokerError(
    "TOO_MANY_REQUESTS",
    `Group '${group.name}' has as many deliveries of queue ${queueId} of topic '${shownTopicName(topic.name)}' in flight as it may have. ` +
      "Settle some, or wait until their leases end.",
  );

const randomNonce = (receiving: Receiving): string => toBase64url(receiving.random.bytes(6)).slice(0, NONCE_CHARS);

const attemptNonce = (group: ConsumerGroup, attemptId: string): string =>
  numberToBase64url(hash32(`${group.uid}/${attemptId}`), NONCE_CHARS);
