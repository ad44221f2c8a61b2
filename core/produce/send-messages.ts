import { BrokerError } from "../errors.ts";
import { isSystemTopic } from "../names.ts";
import { asBrokerError } from "../store/store-errors.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import { deliveryTimeMs } from "../timer/delivery-time.ts";
import { orderDoubt } from "./confirm-groups.ts";
import { type Destination, stopsAll } from "./destination.ts";
import { fixedQueue } from "./fixed-queue.ts";
import { checkMessage } from "./message-rules.ts";
import type { Producing } from "./producing.ts";
import { QueueDestination } from "./queue-destination.ts";
import { storeEntries } from "./store-entries.ts";
import { type Delay, TimerDestination } from "./timer-destination.ts";

type SendResult = SendReceipt | BrokerError;

/** An entry that may be sent, and its destination. */
interface Planned {
  readonly entry: MessageInput;
  /** `undefined`: to its queue at once. */
  readonly delay: Delay | undefined;
  /** The one queue it may go to. A delayed entry gets its queue when it is due. */
  readonly fixed: number | undefined;
}

/** Entries of one call that are stored together: all of one queue, or one that is delayed. */
interface Portion {
  readonly planned: readonly Planned[];
  readonly destination: Destination<SendReceipt>;
}

type Results = readonly (readonly [Planned, SendResult])[];

/**
 * Stores messages. Each is acknowledged once it is durable: with its queue and offset, or with its due time and recall handle if it is
 * delayed. Entries of one call for one queue are stored together, in order. The others succeed or fail on their own.
 *
 * Limits: 1 … 100 entries, bodies of 1 byte … 4 MiB, delays up to ten years. Errors: TOPIC_NOT_FOUND, FORBIDDEN; per entry those of
 * `checkMessage`, ILLEGAL_DELIVERY_TIME, OUT_OF_ORDER_SEQUENCE, STORE_UNAVAILABLE (not stored, or perhaps if the store is full),
 * REQUEST_TIMEOUT (perhaps stored). Idempotent for entries with an identity. Source: RocketMQ SendMessage; invariants I1, I2, I9.
 */
export async function sendMessages(
  producing: Producing,
  topicName: string,
  entries: readonly MessageInput[],
): Promise<readonly SendResult[]> {
  const startedAtMs = producing.clock.nowMs();
  const topic = await writableTopic(producing, topicName);
  const plans = plan(producing, topic, entries);
  const planned = plans.filter((one): one is Planned => !BrokerError.is(one));
  const stored = new Map(await store(producing, topic, planned));
  const doubt = planned.some(isOrdered) ? await orderDoubt(producing, topic, startedAtMs) : undefined;
  const results = plans.map((one): SendResult => {
    if (BrokerError.is(one)) return one;
    const result = stored.get(one) as SendResult;
    // Messages of message groups are acknowledged only if the topic's queues have not changed.
    return doubt && isOrdered(one) && !BrokerError.is(result) ? doubt : result;
  });
  if (planned.some(({ delay }) => !delay)) ring(producing, topic, results);
  return results;
}

/** Errors: TOPIC_NOT_FOUND, ILLEGAL_TOPIC, FORBIDDEN. */
export async function writableTopic({ topics }: Pick<Producing, "topics">, name: string): Promise<Topic> {
  const topic = await topics.resolve(name);
  if (topic.name !== name) throw ofTheBroker();
  return requireWritable(topic);
}

export const ofTheBroker = (): BrokerError => new BrokerError("FORBIDDEN", "Only the broker writes to system topics.");

/** Errors: FORBIDDEN. */
export function requireWritable(topic: Topic): Topic {
  if (isSystemTopic(topic.name)) throw ofTheBroker();
  if (topic.perm & 2) return topic;
  throw new BrokerError("FORBIDDEN", `Topic '${topic.name}' does not allow writing: its perm is ${topic.perm}.`);
}

/** The plan for each entry, or why it is not sent. */
function plan({ clock, log }: Producing, topic: Topic, entries: readonly MessageInput[]): readonly (Planned | BrokerError)[] {
  const nowMs = clock.nowMs();
  let ids: readonly string[] | undefined;
  return entries.map((entry, at) => {
    try {
      checkMessage(topic, entry);
      const dueMs = deliveryTimeMs(entry, nowMs);
      if (dueMs === undefined) return { entry, delay: undefined, fixed: fixedQueue(topic, entry) };
      ids ??= log.detached.newIds(topic.uid, entries.length);
      return { entry, delay: { dueMs, id: ids[at] as string }, fixed: undefined };
    } catch (error) {
      return asBrokerError(error);
    }
  });
}

const isOrdered = ({ entry, delay }: Planned): boolean => !delay && entry.messageGroup !== undefined;

async function store(producing: Producing, topic: Topic, planned: readonly Planned[]): Promise<Results> {
  const goesAnywhere = planned.some(({ delay, fixed }) => delay === undefined && fixed === undefined);
  const anywhere = goesAnywhere ? producing.choice.choose(topic) : 0;
  if (planned.some(({ entry }) => entry.once?.kind === "sequence"))
    return oneByOne(producing, topic, portionsInOrder(producing, topic, planned, anywhere));
  const portions = portionsOf(producing, topic, planned, anywhere);
  return (await Promise.all(portions.map((portion) => storePortion(producing, topic, portion)))).flat();
}

async function storePortion(producing: Producing, topic: Topic, { planned, destination }: Portion): Promise<Results> {
  const entries = planned.map(({ entry }) => entry);
  const results = await storeEntries(producing, topic.uid, entries, destination);
  return planned.map((one, at) => [one, results[at] as SendResult]);
}

/** Stores a producer's sequences one after the other. If the store fails, the rest fails with it. */
async function oneByOne(producing: Producing, topic: Topic, portions: readonly Portion[]): Promise<Results> {
  const results: (readonly [Planned, SendResult])[] = [];
  let failure: BrokerError | undefined;
  for (const portion of portions) {
    const failed = failure;
    const stored: Results = failed ? portion.planned.map((one) => [one, failed]) : await storePortion(producing, topic, portion);
    results.push(...stored);
    failure ??= stored.map(([, result]) => result).find((result) => BrokerError.is(result) && stopsAll(result)) as
      | BrokerError
      | undefined;
  }
  return results;
}

/** Wakes receives that wait for the messages. A failed entry may be stored in any queue, so then the whole topic is rung. */
function ring({ arrivals }: Producing, topic: Topic, results: readonly SendResult[]): void {
  if (results.some((result) => BrokerError.is(result))) arrivals.topicRings(topic.uid);
  const queueIds = results.map((result) => ("queueId" in result ? result.queueId : undefined));
  for (const queueId of new Set(queueIds)) if (queueId !== undefined) arrivals.topicRings(topic.uid, queueId);
}

/** Groups the entries by queue. Entries for any queue go together, and each delayed one alone. */
function portionsOf(producing: Producing, topic: Topic, planned: readonly Planned[], anywhere: number): readonly Portion[] {
  const delayed: Portion[] = [];
  const queues = new Map<number, Planned[]>();
  for (const one of planned) {
    const queueId = one.fixed ?? anywhere;
    const sameQueue = queues.get(queueId);
    if (one.delay) delayed.push({ planned: [one], destination: new TimerDestination(producing, topic, one.delay) });
    else if (sameQueue) sameQueue.push(one);
    else queues.set(queueId, [one]);
  }
  const portions = [...queues].map(([queueId, some]) => {
    // Another queue would do only if no other entry of the call has its own: the call's order is kept.
    const anyWouldDo = queues.size === 1 && some.every(({ fixed }) => fixed === undefined);
    return { planned: some, destination: new QueueDestination(producing, topic, queueId, anyWouldDo) };
  });
  return [...portions, ...delayed];
}

/** Splits the entries, in order, into runs for one queue in which the sequences, if any, follow each other. */
function portionsInOrder(producing: Producing, topic: Topic, planned: readonly Planned[], anywhere: number): readonly Portion[] {
  const portions: (Portion & { readonly planned: Planned[] })[] = [];
  let before: Planned | undefined;
  for (const one of planned) {
    const portion = portions.at(-1);
    const queueId = one.fixed ?? anywhere;
    const goesOn =
      before && !before.delay && !one.delay && (before.fixed ?? anywhere) === queueId && follows(before.entry, one.entry);
    if (portion && goesOn) portion.planned.push(one);
    else if (one.delay) portions.push({ planned: [one], destination: new TimerDestination(producing, topic, one.delay) });
    else portions.push({ planned: [one], destination: new QueueDestination(producing, topic, queueId, false) });
    before = one;
  }
  return portions;
}

function follows({ once: before }: MessageInput, { once }: MessageInput): boolean {
  if (before?.kind !== "sequence" || once?.kind !== "sequence") return before?.kind !== "sequence" && once?.kind !== "sequence";
  return once.producerId === before.producerId && once.sequence === before.sequence + 1;
}
