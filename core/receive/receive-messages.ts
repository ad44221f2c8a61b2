import { numberToBase64url, toBase64url } from "../bytes/base64url.ts";
import { hash32 } from "../bytes/hash32.ts";
import { BrokerError } from "../errors.ts";
import type { SubscriptionRegistry } from "../group/subscription-registry.ts";
import { PROBES_MAX, RECEIVE_BYTES_MAX, SEARCH_MS_MAX } from "../limits.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import { shownTopicName } from "../names.ts";
import type { ConsumedQueue } from "../progress/consumed-queue.ts";
import type { Consumption } from "../progress/consumption.ts";
import { NONCE_CHARS, NONCE_CHARS_BEFORE, UNTAGGED } from "../progress/progress.ts";
import type { ReceiveRequest } from "../requests.ts";
import { giveBackUnsent } from "../settle/give-back-unsent.ts";
import type { ConsumerGroup, ReceivedMessage } from "../terms.ts";
import { consumerLane, groupLane, type PassOn, type Waiter, type Woken } from "../wake/arrivals.ts";
import type { WaitingReceives } from "../wake/waiting-receives.ts";
import type { Budget, Taker } from "./budget.ts";
import { type Attempt, heldByAttempt } from "./held-by-attempt.ts";
import { Pass, type PassResult, polledPass } from "./pass.ts";
import { receivedMessages } from "./received-messages.ts";
import { rungOf, type SubscribedTopic, someOf, subscribedTopics, visitingOrder } from "./subscribed-topics.ts";

type Receiving = Consumption & { readonly subscriptions: SubscriptionRegistry; readonly waiting: WaitingReceives };

/**
 * Takes up to `max` messages for a consumer of the group, each under a lease and with a handle to settle it.
 *
 * Each call visits the queues from another start (from the highest priority down on PRIORITY topics) until `max` is reached. An empty
 * answer means that no readable queue had anything, all through `waitMs`. If the reply of a call with an attemptId was lost, a repeat
 * of the call gets the same messages, order and handles while their lease runs.
 *
 * Errors: CONSUMER_GROUP_NOT_FOUND, BAD_REQUEST (no such subscription), FORBIDDEN, TOO_MANY_REQUESTS (too many receives wait; or all
 * that is left to receive is behind as many unsettled deliveries as a queue may have).
 * Source: RocketMQ POP; invariants I4, I5.
 */
export async function receiveMessages(
  receiving: Receiving,
  groupName: string,
  request: ReceiveRequest,
  signal?: AbortSignal,
): Promise<readonly ReceivedMessage[]> {
  const receive = await Receive.begin(receiving, groupName, request, signal);
  let result: PassResult;
  try {
    do result = await receive.pass();
    while (await receive.waits(result));
  } finally {
    receive.end();
  }
  const { deliveries, full } = result;
  if (deliveries.length === 0 && full && !signal?.aborted) throw tooManyInFlight(full);
  // Only a wait may be cut short: a request that does not wait is always answered.
  if (request.waitMs === 0 || !signal?.aborted) return receivedMessages(receiving, receive, deliveries);
  // The consumer went away while messages were taken for it. Given back, they need not wait until the lease ends.
  for (const delivery of deliveries) await giveBackUnsent(receiving, delivery, delivery.messages);
  return [];
}

/**
 * A receive that is running: the queues that it may read (they change while it waits) and what it wants. A receive that waits registers
 * with arrivals before its first pass, so that it misses nothing that arrives during the pass.
 */
class Receive {
  readonly #receiving: Receiving;
  readonly #request: ReceiveRequest;
  readonly #groupName: string;
  readonly #turn: number;
  readonly #untilMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly budget: Budget;
  group: ConsumerGroup;
  queues: readonly ConsumedQueue[];
  #topics: readonly SubscribedTopic[];
  #polls = 0;
  /** When the first of the open claims that it saw falls due. */
  #nextDueMs: number | undefined;
  /** Only where the receive waits: its place among those that are woken when something arrives in these topics. */
  #waiter: Waiter | undefined;
  #joinedFor: readonly SubscribedTopic[] = [];
  #stopCounting: (() => void) | undefined;
  /** What started the current pass, if not the request. */
  #woken: Woken | undefined;
  /** What to do with a ring when the receive ends. "looked", until it is known that there was nothing: another receive must look. */
  #passOn: PassOn = "visited";

  static async begin(
    receiving: Receiving,
    groupName: string,
    request: ReceiveRequest,
    signal: AbortSignal | undefined,
  ): Promise<Receive> {
    const group = await receiving.subscriptions.groups.resolve(groupName);
    const topics = await subscribedTopics(receiving, group, request.topics);
    const receive = new Receive(receiving, groupName, request, { group, topics, signal });
    if (request.waitMs > 0) {
      receive.#join();
      receive.#stopCounting = receiving.waiting.begin(group.uid);
    }
    return receive;
  }

  private constructor(
    receiving: Receiving,
    groupName: string,
    request: ReceiveRequest,
    {
      group,
      topics,
      signal,
    }: { readonly group: ConsumerGroup; readonly topics: readonly SubscribedTopic[]; readonly signal: AbortSignal | undefined },
  ) {
    const { attemptId } = request;
    this.#receiving = receiving;
    this.#groupName = groupName;
    this.#request = request;
    this.#turn = attemptId === undefined ? receiving.rotation.next(group.uid, request.topics) : hash32(attemptId);
    this.#untilMs = receiving.clock.nowMs() + request.waitMs;
    this.group = group;
    this.#topics = topics;
    this.#signal = signal;
    this.queues = visitingOrder(group, topics, this.#turn, receiving.clock.wallMs());
    this.budget = {
      ...drawTaker(receiving, group, attemptId),
      messages: request.max,
      bytes: request.maxBytes ?? RECEIVE_BYTES_MAX,
      leaseMs: request.leaseMs ?? group.leaseSeconds * 1_000,
    };
  }

  /** One pass over the queues that may have something: all of them, or those that the ring named. */
  pass(): Promise<PassResult> {
    const receiving = this.#receiving;
    const woken = this.#woken;
    const { attemptId } = this.#request;
    const read = async (): Promise<PassResult> => {
      // Topics may have been created, deleted or enlarged during the wait.
      if (woken) await this.#refresh();
      if (this.group.paused) return { deliveries: [], nextDueMs: undefined };
      if (attemptId !== undefined) {
        const held = await heldByAttempt(receiving, this.queues, attemptOf(receiving, this.group, attemptId));
        if (held.length > 0) return { deliveries: held, nextDueMs: undefined };
      }
      const budget = { ...this.budget, searchUntilMs: receiving.clock.nowMs() + SEARCH_MS_MAX };
      const polled = woken?.by === "poll";
      const rung = woken?.by === "ring" && !woken.queues.has(groupLane(this.group.uid)) ? woken.queues : undefined;
      const result = polled
        ? await polledPass(receiving, someOf(this.queues, this.#polls++ * PROBES_MAX), budget)
        : await new Pass(receiving, budget).through(rung ? rungOf(this.queues, rung) : this.queues);
      // Only a pass over every queue shows that nothing falls due earlier.
      this.#nextDueMs = polled || rung ? earlierOf(this.#nextDueMs, result.nextDueMs) : result.nextDueMs;
      return result;
    };
    return receiving.reading.admit(read, ({ deliveries }) =>
      deliveries.reduce((sum, { messages }) => sum + bodyBytes(messages), 0),
    );
  }

  /** Called after a pass. False: the receive is over. Else waits until another pass is worthwhile. */
  async waits(result: PassResult): Promise<boolean> {
    if (!this.#waiter) return false;
    const nowMs = this.#receiving.clock.nowMs();
    const found = result.deliveries.length > 0;
    const aborted = this.#signal?.aborted === true;
    if (found || nowMs >= this.#untilMs || aborted || this.#receiving.arrivals.stopped) return this.#leaves(found || aborted);
    if (!sameTopics(this.#joinedFor, this.#topics)) {
      // It must also be woken for the topics it reads now. The next pass finds what arrived before it joined.
      this.#waiter.leave("nothing");
      this.#join();
      this.#woken = { by: "time" };
      return true;
    }
    // If the pass left messages behind, they are there already and nothing will ring for them.
    const wakeMs = Math.min(this.#untilMs, Math.max(this.#nextDueMs ?? this.#untilMs, nowMs + 1));
    const woken: Woken = result.more ? { by: "time" } : await this.#waiter.wait(wakeMs - nowMs);
    this.#woken = woken;
    if (this.#signal?.aborted) return false;
    // Where everything that arrives rings, nothing has arrived during a wait without a ring.
    const isQuiet = woken.by === "time" && !result.more && this.#receiving.arrivals.hearsAll;
    return isQuiet && this.#isOver(this.#receiving.clock.nowMs()) ? this.#leaves(false) : true;
  }

  /** Its time has passed, and nothing that it saw is due. */
  #isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs && (this.#nextDueMs ?? Number.POSITIVE_INFINITY) > nowMs;
  }

  /** This receive was to look again when something falls due. Once it has left, another must do so. */
  #leaves(mayHaveMore: boolean): false {
    this.#passOn = mayHaveMore ? "visited" : this.#nextDueMs === undefined ? "nothing" : "everything";
    return false;
  }

  /** Must be called in the end. */
  end(): void {
    this.#stopCounting?.();
    this.#waiter?.leave(this.#passOn);
  }

  #join(): void {
    const lanes = this.#topics.map(({ subscription, topic }) => ({ topicUid: topic.uid, lane: consumerLane(subscription.uid) }));
    this.#joinedFor = this.#topics;
    this.#waiter = this.#receiving.arrivals.join([...lanes, { lane: groupLane(this.group.uid) }], this.#signal);
  }

  async #refresh(): Promise<void> {
    this.group = await this.#receiving.subscriptions.groups.resolve(this.#groupName);
    this.#topics = await subscribedTopics(this.#receiving, this.group, this.#request.topics);
    this.queues = visitingOrder(this.group, this.#topics, this.#turn, this.#receiving.clock.wallMs());
  }
}

/** The marks of the claims that this receive takes. In format 2 an attempt is recognised by its nonce. */
function drawTaker(receiving: Receiving, group: ConsumerGroup, attemptId: string | undefined): Taker {
  const { random, format } = receiving;
  const nonce = (chars: number): string => toBase64url(random.bytes(9)).slice(0, chars);
  const attempt = attemptId === undefined ? undefined : attemptOf(receiving, group, attemptId);
  if (format.version >= 3) return { nonce: nonce(NONCE_CHARS), attemptTag: attempt?.tag };
  return attempt ? { nonce: attempt.nonceBefore, attemptTag: UNTAGGED } : { nonce: nonce(NONCE_CHARS_BEFORE) };
}

const attemptOf = ({ attempts }: Receiving, { uid }: ConsumerGroup, attemptId: string): Attempt => ({
  tag: attempts.tagOf(uid, attemptId),
  nonceBefore: numberToBase64url(hash32(`${uid}/${attemptId}`), NONCE_CHARS_BEFORE),
});

const sameTopics = (before: readonly SubscribedTopic[], now: readonly SubscribedTopic[]): boolean =>
  before.length === now.length && before.every(({ subscription }, index) => subscription.uid === now[index]?.subscription.uid);

const earlierOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

const tooManyInFlight = ({ group, topic, queueId }: ConsumedQueue): BrokerError =>
  new BrokerError(
    "TOO_MANY_REQUESTS",
    `Group '${group.name}' has as many deliveries of queue ${queueId} of topic '${shownTopicName(topic.name)}' in flight as it may have. ` +
      "Settle some, or wait until their leases end.",
  );
