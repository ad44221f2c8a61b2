import { BrokerError } from "../errors.ts";
import { asBrokerError } from "../store-errors.ts";
import type { MessageInput, SendReceipt, Topic } from "../terms.ts";
import { deliveryTimeMs } from "../timer/delivery-time.ts";
import { fixedQueue } from "./choose-queue.ts";
import { orderDoubt } from "./confirm-groups.ts";
import { checkMessage } from "./message-rules.ts";
import { type Delay, type Portion, type Producing, storePortion } from "./store-portion.ts";
import { stopsAll } from "./stored-once.ts";

/** An entry that may be sent, by its index in the call, and where it goes. */
interface Planned {
  readonly index: number;
  readonly entry: MessageInput;
  /** `undefined`: to its queue at once. */
  readonly delay: Delay | undefined;
  /** The one queue it may go to, where it is not delayed: a delayed one is given its queue when it is due. */
  readonly fixed: number | undefined;
}

/**
 * Stores messages: each is acknowledged once it is durable, with its queue and offset, or with its due time and recall handle where
 * it is delayed. Entries of one call that go to one queue are stored together, in their order; the others succeed or fail on their
 * own.
 *
 * Limits: 1 … 100 entries, bodies of 1 byte … 4 MiB, delays up to ten years. Errors: TOPIC_NOT_FOUND, FORBIDDEN; per entry what
 * `checkMessage` throws, ILLEGAL_DELIVERY_TIME, OUT_OF_ORDER_SEQUENCE, STORE_UNAVAILABLE (not stored), REQUEST_TIMEOUT (perhaps
 * stored). Idempotent for entries with an identity. Source: RocketMQ SendMessage; invariants I1, I2, I9.
 */
export async function sendMessages(
  producing: Producing,
  topicName: string,
  entries: readonly MessageInput[],
): Promise<readonly (SendReceipt | BrokerError)[]> {
  const startedAtMs = producing.clock.nowMs();
  const topic = await writableTopic(producing, topicName);
  const results = new Array<SendReceipt | BrokerError>(entries.length);
  const planned = plan(producing, topic, entries, results);
  const anywhere = planned.some(goesAnywhere) ? producing.choice.choose(topic) : 0;
  if (planned.some(({ entry }) => entry.once?.kind === "sequence")) {
    await storeRuns(producing, topic, runsOf(planned, anywhere), results);
  } else {
    await Promise.all(portionsOf(planned, anywhere).map((portion) => storePortion(producing, topic, portion, results)));
  }
  await confirmGroups(producing, topic, planned, results, startedAtMs);
  if (planned.some(({ delay }) => !delay)) ring(producing, topic, results);
  return results;
}

/** Wakes those who wait for what was stored; one that failed is perhaps stored, nobody knows where. */
function ring({ arrivals }: Producing, topic: Topic, results: readonly (SendReceipt | BrokerError)[]): void {
  if (results.some((result) => BrokerError.is(result))) arrivals.topicRings(topic.uid);
  const queueIds = results.map((result) => ("queueId" in result ? result.queueId : undefined));
  for (const queueId of new Set(queueIds)) if (queueId !== undefined) arrivals.topicRings(topic.uid, queueId);
}

/** What was stored by message group is answered so only while the topic's queues stand. */
async function confirmGroups(
  producing: Producing,
  topic: Topic,
  planned: readonly Planned[],
  results: (SendReceipt | BrokerError)[],
  startedAtMs: number,
): Promise<void> {
  const byGroup = planned.filter(({ entry, delay }) => !delay && entry.messageGroup !== undefined);
  const doubt = byGroup.length === 0 ? undefined : await orderDoubt(producing, topic, startedAtMs);
  if (doubt) for (const { index } of byGroup) if (!BrokerError.is(results[index])) results[index] = doubt;
}

/** A producer's sequences are stored one after the other. When the store fails, what follows fails with it. */
async function storeRuns(
  producing: Producing,
  topic: Topic,
  runs: readonly Portion[],
  results: (SendReceipt | BrokerError)[],
): Promise<void> {
  let failure: BrokerError | undefined;
  for (const run of runs) {
    if (failure) for (const { index } of run.entries) results[index] = failure;
    else await storePortion(producing, topic, run, results);
    failure ??= run.entries.map(({ index }) => results[index]).find((result) => BrokerError.is(result) && stopsAll(result)) as
      | BrokerError
      | undefined;
  }
}

/** Errors: TOPIC_NOT_FOUND, ILLEGAL_TOPIC, FORBIDDEN. */
export async function writableTopic({ topics }: Pick<Producing, "topics">, name: string): Promise<Topic> {
  const topic = await topics.resolve(name);
  if (topic.name !== name || name.startsWith("%")) throw new BrokerError("FORBIDDEN", "Only the broker writes to system topics.");
  if (topic.perm & 2) return topic;
  throw new BrokerError("FORBIDDEN", `Topic '${topic.name}' does not allow writing: its perm is ${topic.perm}.`);
}

function plan(
  { clock, log }: Producing,
  topic: Topic,
  entries: readonly MessageInput[],
  results: (SendReceipt | BrokerError)[],
): readonly Planned[] {
  const planned: Planned[] = [];
  const nowMs = clock.nowMs();
  let ids: readonly string[] | undefined;
  for (const [index, entry] of entries.entries()) {
    try {
      checkMessage(topic, entry);
      const dueMs = deliveryTimeMs(entry, nowMs);
      if (dueMs !== undefined) ids ??= log.detached.newIds(entries.length);
      const delay = dueMs === undefined ? undefined : { dueMs, id: ids?.[index] as string };
      planned.push({ index, entry, delay, fixed: delay ? undefined : fixedQueue(topic, entry) });
    } catch (error) {
      results[index] = asBrokerError(error);
    }
  }
  return planned;
}

const goesAnywhere = ({ delay, fixed }: Planned): boolean => delay === undefined && fixed === undefined;

/** Sorts the entries by queue; those that may go anywhere go together, and delayed ones alone. */
function portionsOf(planned: readonly Planned[], anywhere: number): readonly Portion[] {
  const delayed: Portion[] = [];
  const queues = new Map<number, Portion>();
  for (const one of planned) {
    if (one.delay) {
      delayed.push(alone(one));
      continue;
    }
    const queueId = one.fixed ?? anywhere;
    const portion = queues.get(queueId) ?? { delay: undefined, queueId, free: true, entries: [] };
    portion.free &&= one.fixed === undefined;
    portion.entries.push(one);
    queues.set(queueId, portion);
  }
  if (queues.size > 1) for (const portion of queues.values()) portion.free = false;
  return [...queues.values(), ...delayed];
}

/** Entries as they follow each other, together while they go to one queue and their sequences, if any, follow each other too. */
function runsOf(planned: readonly Planned[], anywhere: number): readonly Portion[] {
  const runs: Portion[] = [];
  let before: Planned | undefined;
  for (const one of planned) {
    const run = runs.at(-1);
    const queueId = one.fixed ?? anywhere;
    if (one.delay) runs.push(alone(one));
    else if (run && before && !run.delay && run.queueId === queueId && follows(before.entry, one.entry)) run.entries.push(one);
    else runs.push({ delay: undefined, queueId, free: false, entries: [one] });
    before = one;
  }
  return runs;
}

const alone = (one: Planned): Portion => ({ delay: one.delay, queueId: 0, free: false, entries: [one] });

function follows({ once: before }: MessageInput, { once }: MessageInput): boolean {
  if (before?.kind !== "sequence" || once?.kind !== "sequence") return before?.kind !== "sequence" && once?.kind !== "sequence";
  return once.producerId === before.producerId && once.sequence === before.sequence + 1;
}
