import type { PullRequest, PullResult } from "../broker.ts";
import { BrokerError } from "../errors.ts";
import type { QueueLog } from "../log/queue-log.ts";
import type { Queue } from "../log/queue-reader.ts";
import type { Clock } from "../ports/clock.ts";
import type { TopicRegistry } from "../topic/topic-registry.ts";
import { type Arrivals, pullLane } from "./arrivals.ts";

export interface Pulling {
  readonly topics: TopicRegistry;
  readonly log: QueueLog;
  readonly arrivals: Arrivals;
  readonly clock: Clock;
}

/**
 * Reads a queue from an offset, a time (RocketMQ's LOWER boundary) or its end. Changes nothing.
 *
 * At the end it waits up to `waitMs` for something new. Outside [min, max] the answer is OFFSET_ILLEGAL with both.
 * Errors: TOPIC_NOT_FOUND, NOT_FOUND (no such queue), FORBIDDEN, TOO_MANY_REQUESTS. Source: RocketMQ PullMessage.
 */
export async function pullMessages(
  pulling: Pulling,
  topicName: string,
  queueId: number,
  request: PullRequest,
  signal?: AbortSignal,
): Promise<PullResult> {
  const topic = await pulling.topics.resolve(topicName);
  if (queueId >= topic.queuesEver) {
    throw new BrokerError(
      "NOT_FOUND",
      `Topic '${topicName}' has no queue ${queueId}: its queues are 0 to ${topic.queuesEver - 1}.`,
    );
  }
  if (!(topic.perm & 4))
    throw new BrokerError("FORBIDDEN", `Topic '${topicName}' does not allow reading: its perm is ${topic.perm}.`);
  const queue = { topicUid: topic.uid, queueId };
  const offset = await startOffset(pulling.log, queue, request.from);
  if (request.waitMs <= 0) return pullOnce(pulling.log, queue, offset, request);
  const untilMs = pulling.clock.nowMs() + request.waitMs;
  const waiter = pulling.arrivals.join([{ topicUid: topic.uid, lane: pullLane(topic.uid) }], signal);
  try {
    for (;;) {
      const result = await pullOnce(pulling.log, queue, offset, request);
      const over = pulling.clock.nowMs() >= untilMs || signal?.aborted || pulling.arrivals.stopped;
      // Past a gap there is something to go on with at once.
      if (result.status !== "NO_NEW_MSG" || result.nextOffset !== offset || over) return result;
      await waiter.wait(untilMs);
    }
  } finally {
    waiter.leave(false);
  }
}

async function startOffset(log: QueueLog, queue: Queue, from: PullRequest["from"]): Promise<number> {
  if ("offset" in from) return from.offset;
  if ("timestampMs" in from) return log.offsetAt(queue, from.timestampMs);
  const [minOffset, maxOffset] = await Promise.all([log.reader.minOffset(queue), log.reader.maxOffset(queue)]);
  return Math.max(minOffset, maxOffset - from.tail);
}

async function pullOnce(log: QueueLog, queue: Queue, offset: number, request: PullRequest): Promise<PullResult> {
  const run = await log.reader.run(queue, offset, request.limit);
  const range = async () => {
    const [minOffset, maxOffset] = await Promise.all([log.reader.minOffset(queue), log.reader.maxOffset(queue)]);
    return { minOffset, maxOffset };
  };
  if (run.available > 0 && run.from === offset) {
    const count = log.countWithin(run, request.limit, request.maxBytes);
    const messages = await log.messages(run, offset, count, queue);
    return { status: "FOUND", messages, nextOffset: offset + count, ...(await range()) };
  }
  const { minOffset, maxOffset } = await range();
  if (offset < minOffset || offset > maxOffset) return { status: "OFFSET_ILLEGAL", minOffset, maxOffset };
  // A gap inside the chain, or something new since the run was read: go on where the messages are.
  const nextOffset = run.available > 0 ? run.from : offset;
  return { status: "NO_NEW_MSG", messages: [], nextOffset, minOffset, maxOffset };
}
