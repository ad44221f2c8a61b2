import { BrokerError } from "../errors.ts";
import { compileFilter, type MessageFilter } from "../filter/compile-filter.ts";
import { SCAN_MESSAGES_MAX } from "../limits.ts";
import type { Unreadable } from "../log/frame.ts";
import { type Queue, queueOf } from "../log/queue.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { QueueBounds } from "../log/queue-reader.ts";
import { bodyBytes } from "../message/body-bytes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Reading } from "../ports/reading.ts";
import type { OffsetAt, PullRequest, PullResult, QueueEnd, StoredAt } from "../requests.ts";
import type { StoredMessage, Topic } from "../terms.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { type Arrivals, pullLane } from "../wake/arrivals.ts";
import { findMatching } from "./find-matching.ts";

export interface Pulling {
  readonly topics: TopicRegistry;
  readonly log: QueueLog;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
  readonly reading: Reading;
}

/** One pull, from a known offset. */
interface Pull extends Pick<PullRequest, "limit" | "maxBytes"> {
  readonly log: QueueLog;
  readonly reading: Reading;
  readonly queue: Queue;
  readonly filter: MessageFilter | undefined;
}

/**
 * Reads a queue from an offset, a time or its end. Changes nothing.
 *
 * With a filter it reads SCAN_MESSAGES_MAX at a time. If none of them matches, the answer is NO_MATCHED_MSG, and the next pull
 * continues behind them. At the end of the queue it waits up to `waitMs` for a match. Outside [min, max] the answer is OFFSET_ILLEGAL
 * with both. Unreadable messages are skipped and named in the answer.
 * Errors: TOPIC_NOT_FOUND, NOT_FOUND (no such queue), FORBIDDEN, ILLEGAL_FILTER_EXPRESSION, TOO_MANY_REQUESTS.
 * Source: RocketMQ PullMessage.
 */
export async function pullMessages(
  pulling: Pulling,
  { topic: topicName, queueId }: { readonly topic: string; readonly queueId: number },
  request: PullRequest,
  signal?: AbortSignal,
): Promise<PullResult> {
  const filter = request.filter && compileFilter(request.filter);
  const topic = await readableTopic(pulling, topicName, queueId);
  const queue = queueOf(topic, queueId);
  const { limit, maxBytes } = request;
  const pull = {
    log: pulling.log,
    reading: pulling.reading,
    queue,
    filter: filter?.everything ? undefined : filter,
    limit,
    maxBytes,
  };
  const offset = await startOffset(pulling.log, queue, request.from);
  if (request.waitMs <= 0) return pullOnce(pull, offset);
  return pullAndWait(pulling, pull, { offset, waitMs: request.waitMs }, signal);
}

/**
 * The offset of a time in a queue, or where it begins or ends. Errors: TOPIC_NOT_FOUND, NOT_FOUND (no such queue), FORBIDDEN.
 * Source: RocketMQ's searchOffset, minOffset and maxOffset.
 */
export async function offsetAt(
  pulling: Pick<Pulling, "topics" | "log">,
  { topic: topicName, queueId }: { readonly topic: string; readonly queueId: number },
  at: StoredAt | QueueEnd,
): Promise<OffsetAt> {
  const queue = queueOf(await readableTopic(pulling, topicName, queueId), queueId);
  const { reader } = pulling.log;
  if (typeof at === "string") {
    const bounds = await reader.bounds(queue);
    return { offset: at === "earliest" ? bounds.minOffset : bounds.maxOffset, ...bounds };
  }
  return { offset: await reader.offsetAt(queue, at), ...(await reader.bounds(queue)) };
}

async function readableTopic({ topics }: Pick<Pulling, "topics">, name: string, queueId: number): Promise<Topic> {
  const topic = await topics.resolve(name);
  if (queueId >= topic.queuesEver)
    throw new BrokerError("NOT_FOUND", `Topic '${name}' has no queue ${queueId}: its queues are 0 to ${topic.queuesEver - 1}.`);
  if (!(topic.perm & 4)) throw new BrokerError("FORBIDDEN", `Topic '${name}' does not allow reading: its perm is ${topic.perm}.`);
  return topic;
}

async function pullAndWait(
  { clock, arrivals }: Pulling,
  pull: Pull,
  { offset, waitMs }: { readonly offset: number; readonly waitMs: number },
  signal: AbortSignal | undefined,
): Promise<PullResult> {
  const { topicUid } = pull.queue;
  const untilMs = clock.nowMs() + waitMs;
  const waiter = arrivals.join([{ topicUid, lane: pullLane(topicUid) }], signal);
  try {
    for (let from = offset; ; ) {
      const result = await pullOnce(pull, from);
      if (result.status === "FOUND" || result.status === "OFFSET_ILLEGAL" || result.unreadable) return result;
      const passed = result.nextOffset - from;
      from = result.nextOffset;
      // After a gap or a whole scan, the next pull can continue at once.
      if (passed > 0 && (result.status === "NO_NEW_MSG" || passed >= SCAN_MESSAGES_MAX)) return result;
      // Messages that did not match during the wait stay passed over.
      if (clock.nowMs() >= untilMs || signal?.aborted || arrivals.stopped)
        return from === offset ? result : { ...result, status: "NO_MATCHED_MSG" };
      await waiter.wait(untilMs - clock.nowMs());
    }
  } finally {
    waiter.leave("nothing");
  }
}

async function startOffset(log: QueueLog, queue: Queue, from: PullRequest["from"]): Promise<number> {
  if ("offset" in from) return from.offset;
  if ("timestampMs" in from) return log.reader.offsetAt(queue, from);
  const [minOffset, maxOffset] = await Promise.all([log.reader.minOffset(queue), log.reader.maxOffset(queue)]);
  return Math.max(minOffset, maxOffset - from.tail);
}

const pullOnce = (pull: Pull, offset: number): Promise<PullResult> =>
  pull.reading.admit(
    () => (pull.filter ? pullMatching(pull, pull.filter, offset) : pullEvery(pull, offset)),
    (result) => (result.status === "OFFSET_ILLEGAL" ? 0 : bodyBytes(result.messages)),
  );

async function pullEvery(pull: Pull, offset: number): Promise<PullResult> {
  const { log, queue, limit, maxBytes } = pull;
  const before = await log.bounds.atFirst(queue);
  const run = await log.reader.run(queue, offset, limit);
  if (run.available > 0 && run.from === offset) {
    const count = await log.countWithin(run, limit, maxBytes);
    const read = await log.messages(run, offset, count, queue);
    const messages = fitting(read.messages, maxBytes);
    const nextOffset = read.messages[messages.length]?.offset ?? offset + count;
    const status = messages.length > 0 ? "FOUND" : "NO_NEW_MSG";
    return {
      status,
      messages,
      nextOffset,
      ...unreadableBefore(nextOffset, read.unreadable),
      ...(await log.bounds.behind(queue, nextOffset, run.end ?? before?.maxOffset)),
    };
  }
  // There is a gap inside the chain, or something new since the run was read: continue where the messages are.
  const nextOffset = run.available > 0 ? run.from : offset;
  const range = await boundsFor(pull, offset, nextOffset, before);
  if (offset < range.minOffset || offset > range.maxOffset) return { status: "OFFSET_ILLEGAL", ...range };
  return { status: "NO_NEW_MSG", messages: [], nextOffset, ...range };
}

async function pullMatching(pull: Pull, filter: MessageFilter, offset: number): Promise<PullResult> {
  const { log, queue, limit, maxBytes } = pull;
  const before = await log.bounds.atFirst(queue);
  const search = { from: offset, messages: limit, bytes: maxBytes, pause: () => pull.reading.pause() };
  const { messages, next, unreadable } = await findMatching(log, queue, filter, search);
  const range =
    messages.length > 0 ? await log.bounds.behind(queue, next, before?.maxOffset) : await boundsFor(pull, offset, next, before);
  if (offset < range.minOffset || offset > range.maxOffset) return { status: "OFFSET_ILLEGAL", ...range };
  const nothing = next === offset ? "NO_NEW_MSG" : "NO_MATCHED_MSG";
  const status = messages.length > 0 ? "FOUND" : nothing;
  return { status, messages, nextOffset: next, ...unreadableBefore(next, unreadable), ...range };
}

/** Of a pull from `from` to `to`. Bounds that were read `before`, for this pull, will do unless it found something behind them. */
async function boundsFor({ log, queue }: Pull, from: number, to: number, before: QueueBounds | undefined): Promise<QueueBounds> {
  return before && (to === from || to <= before.maxOffset) ? before : log.reader.bounds(queue);
}

/** The first messages whose bodies have at most `maxBytes`. The first one is included whatever its size. */
function fitting(messages: readonly StoredMessage[], maxBytes: number): readonly StoredMessage[] {
  let bytes = 0;
  const end = messages.findIndex(({ body }, index) => {
    bytes += body.length;
    return index > 0 && bytes > maxBytes;
  });
  return end < 0 ? messages : messages.slice(0, end);
}

function unreadableBefore(offset: number, all: readonly Unreadable[]): { readonly unreadable?: readonly Unreadable[] } {
  const unreadable = all.filter((one) => one.offset < offset);
  return unreadable.length === 0 ? {} : { unreadable };
}
