import { BrokerError } from "../errors.ts";
import { MESSAGE_ID_CHARS_MAX } from "../limits.ts";
import { findMade } from "../log/find-made.ts";
import { queueOf } from "../log/queue.ts";
import { hasExpired } from "../log/retention.ts";
import { type IdParts, partsOfId, timeOfId, topicHashOf } from "../message/message-id.ts";
import { isSystemTopic } from "../names.ts";
import type { StoredMessage, Topic } from "../terms.ts";
import { Budget } from "./budget.ts";
import { hasName } from "./candidates.ts";
import {
  CLOCKS_APART_MS_MAX,
  QUERY_BYTES_MAX,
  QUERY_LIMIT_MAX,
  QUERY_READS_AT_ONCE,
  SEARCHED_TOPICS_MAX,
  STORED_EARLIER_MS_MAX,
} from "./query-limits.ts";
import type { Querying } from "./query-messages.ts";
import { readCandidates } from "./read-candidates.ts";
import { isReadable, readableTopic } from "./readable-topic.ts";
import { portions } from "./runs-between.ts";

/** A message and its topic. */
export interface FoundMessage {
  readonly topic: Topic;
  readonly message: StoredMessage;
}

/** The search for one id, and what it met on its way. */
interface Lookup {
  readonly querying: Querying;
  readonly id: string;
  readonly budget: Budget;
  readonly searched: Set<string>;
  /** The id's time tells that its message has expired. */
  isExpired: boolean;
  /** Messages were met that cannot be read: it may be one of them. */
  metUnreadable: boolean;
  /** The search ended before all was looked at. */
  isCut: boolean;
}

/**
 * The message with an id, in the named topic, or else in any that may be read. An id that the broker made names its topic and queue.
 * One that it made before format 4 tells only the time, and is found in the named topic alone. Others are searched for, in
 * SEARCHED_TOPICS_MAX topics at most, and in the dead letters of a group only by name. Of several with one id the newest is answered. A
 * delayed message that is not delivered yet, and a half message, are in no queue: they are not found.
 *
 * Errors: MESSAGE_NOT_FOUND, MESSAGE_EXPIRED; for a named topic ILLEGAL_TOPIC, TOPIC_NOT_FOUND, FORBIDDEN.
 * Source: RocketMQ ViewMessage and QueryMessage by unique key.
 */
export function findMessage(querying: Querying, id: string, topicName: string | undefined): Promise<FoundMessage> {
  return querying.reading.admit(
    () => find(querying, id, topicName),
    ({ message }) => message.body.length,
  );
}

async function find(querying: Querying, id: string, topicName: string | undefined): Promise<FoundMessage> {
  const named = topicName === undefined ? undefined : await readableTopic(querying.topics, topicName);
  if (id.length > MESSAGE_ID_CHARS_MAX) throw notFound(id, `Ids have ${MESSAGE_ID_CHARS_MAX} characters at most.`);
  const budget = new Budget(querying.clock);
  const lookup: Lookup = { querying, id, budget, searched: new Set(), isExpired: false, metUnreadable: false, isCut: false };
  const parts = partsOfId(id);
  const found =
    (parts && (await findByParts(lookup, parts, named))) ??
    (await findByName(lookup, named)) ??
    (parts && named && (await findByTime(lookup, parts, named)));
  if (found) return found;
  if (lookup.isExpired) throw new BrokerError("MESSAGE_EXPIRED", `Message '${id}' has expired: its time is in its id.`);
  throw notFound(id, await whyNot(lookup, named));
}

/** In the topics and the queue that the id names. */
async function findByParts(lookup: Lookup, parts: IdParts, named: Topic | undefined): Promise<FoundMessage | undefined> {
  const { querying, id, budget } = lookup;
  for (const topic of await topicsOfHash(querying, parts.topicHash, named)) {
    // An id of queue 255 may also have been made before its message had a queue.
    const queueId = parts.queueId ?? 255;
    if (queueId < topic.queuesEver) {
      const made = await findMade(querying.log, queueOf(topic, queueId), id, {
        bytesMax: QUERY_BYTES_MAX,
        isOver: () => budget.isOver,
      });
      if (made === "unreadable") lookup.metUnreadable = true;
      else if (made === "unfinished") lookup.isCut = true;
      else if (made) return { topic, message: made };
      else if (parts.queueId !== undefined) lookup.isExpired ||= hasExpired(topic, timeOfId(id), querying.clock.nowMs());
    }
    const found = parts.queueId === undefined ? await searchTopic(lookup, topic) : undefined;
    if (found) return found;
  }
  return undefined;
}

async function topicsOfHash({ topics }: Querying, hash: number, named: Topic | undefined): Promise<readonly Topic[]> {
  if (named) return topicHashOf(named.uid) === hash ? [named] : [];
  return (await topics.ofHash(hash)).filter((topic) => isReadable(topic) && !isSystemTopic(topic.name));
}

/** By the id as it is stored with messages that did not get theirs in their queue. */
async function findByName(lookup: Lookup, named: Topic | undefined): Promise<FoundMessage | undefined> {
  const topics = named ? [named] : (await lookup.querying.topics.list({ limit: SEARCHED_TOPICS_MAX })).items.filter(isReadable);
  for (const topic of topics) {
    // The first step in a topic is made however late it is, unless the search ended before.
    if (lookup.isCut && lookup.budget.isOver) break;
    const found = await searchTopic(lookup, topic);
    if (found) return found;
  }
  return undefined;
}

/** Whether the search ends here, in front of what is left, since it has read all that it may. */
function endsHere(lookup: Lookup): boolean {
  const { isOver } = lookup.budget;
  lookup.isCut ||= isOver;
  return isOver;
}

/** In each queue of the topic that is named: of an id that was made before format 4 only the time is known. */
async function findByTime(lookup: Lookup, { madeAtMs }: IdParts, topic: Topic): Promise<FoundMessage | undefined> {
  const { querying, id, budget } = lookup;
  if (madeAtMs > querying.clock.nowMs() + CLOCKS_APART_MS_MAX) return undefined;
  const queueIds = Array.from({ length: topic.queuesEver }, (_, queueId) => queueId);
  for (const some of portions(queueIds, QUERY_READS_AT_ONCE, QUERY_READS_AT_ONCE, () => 1)) {
    if (some[0] !== 0 && endsHere(lookup)) return undefined;
    const earlierMs = STORED_EARLIER_MS_MAX;
    const all = await Promise.all(
      some.map((queueId) => findMade(querying.log, queueOf(topic, queueId), id, { earlierMs, isOver: () => budget.isOver })),
    );
    for (const made of all) {
      if (typeof made === "object") return { topic, message: made };
      lookup.metUnreadable ||= made === "unreadable";
      lookup.isCut ||= made === "unfinished";
    }
  }
  return undefined;
}

async function searchTopic(lookup: Lookup, topic: Topic): Promise<FoundMessage | undefined> {
  const { querying, id, budget, searched } = lookup;
  if (searched.has(topic.uid)) return undefined;
  searched.add(topic.uid);
  const name = { kind: "id", text: id } as const;
  const search = querying.keySource.search(topic, name, {});
  for (;;) {
    const { found, reached, spent, isDamaged } = await search.step();
    lookup.metUnreadable ||= isDamaged === true;
    budget.spend(spent);
    for (let left = found; left.length > 0; ) {
      const { read, spent: spentReading } = await readCandidates(querying.log, topic, left.slice(0, QUERY_LIMIT_MAX));
      budget.spend(spentReading);
      for (const { message, unreadable } of read) {
        if (message && hasName(message, name)) return { topic, message };
        lookup.metUnreadable ||= unreadable !== undefined;
      }
      left = left.slice(read.length);
      if (left.length > 0 && endsHere(lookup)) return undefined;
    }
    if (!reached || endsHere(lookup)) return undefined;
  }
}

async function whyNot({ querying, isCut, metUnreadable }: Lookup, named: Topic | undefined): Promise<string> {
  const areMore = !named && (await querying.topics.list({ limit: SEARCHED_TOPICS_MAX })).next !== undefined;
  return [
    isCut ? "There was more to look at than one request may: it is not among the newest messages." : "",
    areMore ? `Only ${SEARCHED_TOPICS_MAX} topics were searched for it: name its topic with ?topic=.` : "",
    metUnreadable ? "It may be one of those that are stored and cannot be read." : "",
    "A delayed message is found once it is delivered, and a half message once it is committed.",
  ]
    .filter((reason) => reason !== "")
    .join(" ");
}

const notFound = (id: string, why: string): BrokerError =>
  new BrokerError("MESSAGE_NOT_FOUND", `There is no message '${id.slice(0, 100)}'. ${why}`);
