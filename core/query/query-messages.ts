import { compileFilter, type MessageFilter } from "../filter/compile-filter.ts";
import { filteredMessage } from "../filter/filtered-message.ts";
import type { Unreadable } from "../log/frame.ts";
import type { QueueLog } from "../log/queue-log.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Reading } from "../ports/reading.ts";
import type { ListPage } from "../requests.ts";
import type { Filter, StoredMessage, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { Budget } from "./budget.ts";
import { hasName, type KeySource, type Search, type Window } from "./candidates.ts";
import { NewestFirst } from "./newest-first.ts";
import { isNewer, type Position, positionOf, positionText } from "./position.ts";
import { QUERY_UNREADABLE_MAX } from "./query-limits.ts";
import { type ReadCandidate, readCandidates } from "./read-candidates.ts";
import { readableTopic } from "./readable-topic.ts";

export interface Querying {
  readonly topics: TopicRegistry;
  readonly log: QueueLog;
  readonly clock: Clock;
  readonly reading: Reading;
  readonly keySource: KeySource;
}

/** Conditions on messages: all that are given must hold. */
export interface MessageQuery {
  readonly key?: string | undefined;
  /** Store times, the first one included, the last one not. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly filter?: Filter | undefined;
  readonly limit: number;
  /** The most bytes of bodies. The first message is included whatever its size. */
  readonly maxBytes: number;
  /** `next` of the page before. */
  readonly after?: string | undefined;
}

/** A stored message of a topic that cannot be read. */
export interface UnreadableAt extends Unreadable {
  readonly queueId: number;
}

export interface MessagePage extends ListPage<StoredMessage> {
  /** Unreadable messages that the page passed over. They may have the key, and match the filter. */
  readonly unreadable: readonly UnreadableAt[];
}

/**
 * Messages of a topic, newest first: by store time, then by queue, then by offset. A request looks at QUERY_MESSAGES_MAX messages and
 * reads QUERY_BYTES_MAX at about the most. Where that ends it early, the page is not complete, and its `next` goes on where it ended.
 * Places of messages never change, so no page repeats a message, and none that was stored before the first page is left out.
 *
 * Errors: ILLEGAL_TOPIC, TOPIC_NOT_FOUND, FORBIDDEN, ILLEGAL_FILTER_EXPRESSION.
 * Source: RocketMQ QueryMessage, which has keys and times, and no cursor.
 */
export async function queryMessages(querying: Querying, topicName: string, query: MessageQuery): Promise<MessagePage> {
  const compiled = query.filter && compileFilter(query.filter);
  const filter = compiled?.everything ? undefined : compiled;
  const topic = await readableTopic(querying.topics, topicName);
  return querying.reading.admit(
    () => readPage(querying, topic, query, filter),
    ({ items }) => bodyBytes(items),
  );
}

async function readPage(querying: Querying, topic: Topic, query: MessageQuery, filter?: MessageFilter): Promise<MessagePage> {
  const { after, fromMs, toMs, key } = query;
  const window = { fromMs, toMs, before: after === undefined ? undefined : positionOf(after) };
  const search = key === undefined ? scan(querying, topic, window, filter) : byKey(querying, topic, window, key);
  const budget = new Budget(querying.clock);
  const page = new Page(query, filter);
  for (;;) {
    const { found, reached, spent, isDamaged } = await search.step();
    budget.spend(spent);
    if (isDamaged) page.isDamaged = true;
    for (let left = found; left.length > 0; ) {
      const { read, spent: spentReading } = await readCandidates(querying.log, topic, left.slice(0, page.wanted));
      budget.spend(spentReading);
      for (const one of read) if (!page.add(one)) return page.result(page.reached);
      left = left.slice(read.length);
      if (left.length > 0 && budget.isOver) return page.result(page.reached);
    }
    if (!reached || budget.isOver) return page.result(reached);
  }
}

const byKey = ({ keySource }: Querying, topic: Topic, window: Window, text: string): Search =>
  keySource.search(topic, { kind: "key", text }, window);

function scan({ log, reading }: Querying, topic: Topic, window: Window, filter: MessageFilter | undefined): Search {
  const scanning = { reader: log.reader, pause: () => reading.pause() };
  if (!filter) return new NewestFirst(scanning, topic, window);
  const sift: ConstructorParameters<typeof NewestFirst>[0]["sift"] = async (run, queue) => {
    const { messages, unreadable } = await log.matching(run, run.available, queue, filter);
    return [...messages, ...unreadable].map(({ offset }) => offset);
  };
  return new NewestFirst({ ...scanning, sift }, topic, window);
}

/** The page as it fills. */
class Page {
  readonly #query: MessageQuery;
  readonly #filter: MessageFilter | undefined;
  readonly #items: StoredMessage[] = [];
  readonly #unreadable: UnreadableAt[] = [];
  #bytes = 0;
  isDamaged = false;
  /** The last candidate that was dealt with. */
  #reached: Position | undefined;

  constructor(query: MessageQuery, filter: MessageFilter | undefined) {
    this.#query = query;
    this.#filter = filter;
  }

  get reached(): Position | undefined {
    return this.#reached;
  }

  /** How many candidates are worth reading: one more than has room, to see whether there is another page. */
  get wanted(): number {
    return this.#query.limit - this.#items.length + 1;
  }

  /** False if it has no room for it: the page is over. */
  add({ at, message, unreadable }: ReadCandidate): boolean {
    if (this.#reached && !isNewer(this.#reached, at)) return true;
    if (message && this.#isWanted(message)) {
      if (this.#isFull || (this.#items.length > 0 && this.#bytes + message.body.length > this.#query.maxBytes)) return false;
      this.#items.push(message);
      this.#bytes += message.body.length;
    }
    if (unreadable) {
      if (this.#isFull || this.#unreadable.length === QUERY_UNREADABLE_MAX) return false;
      this.#unreadable.push({ queueId: at.queueId, ...unreadable });
    }
    this.#reached = at;
    return true;
  }

  /** `next`: where another page goes on; `undefined` if there is none. */
  result(next: Position | undefined): MessagePage {
    return {
      items: this.#items,
      unreadable: this.#unreadable,
      next: next && positionText(next),
      complete: !this.isDamaged && (next === undefined || this.#isFull),
    };
  }

  get #isFull(): boolean {
    return this.#items.length >= this.#query.limit;
  }

  #isWanted(message: StoredMessage): boolean {
    const { key, fromMs = 0, toMs = Number.POSITIVE_INFINITY } = this.#query;
    if (message.storedAtMs < fromMs || message.storedAtMs >= toMs) return false;
    if (key !== undefined && !hasName(message, { kind: "key", text: key })) return false;
    return this.#filter?.matches(filteredMessage(message)) ?? true;
  }
}
