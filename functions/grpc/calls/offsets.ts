import { PULL_BYTES_MAX, PULL_MESSAGES_MAX, WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import { bodyBytes } from "../../../core/message/body-bytes.ts";
import { Code, QueryOffsetPolicy } from "../generated/apache/rocketmq/v2/definition.ts";
import type {
  GetOffsetRequest,
  GetOffsetResponse,
  PullMessageRequest,
  PullMessageResponse,
  QueryOffsetRequest,
  QueryOffsetResponse,
  UpdateOffsetRequest,
  UpdateOffsetResponse,
} from "../generated/apache/rocketmq/v2/service.ts";
import type { WriteAnswer } from "../handlers.ts";
import { storedMessage } from "../message-proto.ts";
import { groupName, queueId, topicOfQueue } from "../names.ts";
import type { Serving, WaitingCall } from "../serving.ts";
import { OK, RefusedCall } from "../status.ts";
import { filterOf } from "../subscriptions.ts";
import { msOf } from "../times.ts";
import { waitOf } from "../waits.ts";

const WAIT_MS_MAX = WAIT_SECONDS_MAX * 1_000;

/** Reads from an offset of one queue, whatever groups have done. Answers a status, messages, and the offset behind them. */
export async function pullMessage(
  { broker, clock }: Serving,
  request: PullMessageRequest,
  { session, signal, deadlineMs }: WaitingCall,
  write: WriteAnswer<PullMessageResponse>,
): Promise<void> {
  groupName(request.group);
  const topic = topicOfQueue(request.messageQueue);
  const waitMs = waitOf(request.longPollingTimeout, { deadlineMs, nowMs: clock.nowMs(), otherwiseMs: WAIT_MS_MAX });
  const poll = session.beginPoll(signal);
  try {
    const wanted = {
      from: { offset: request.offset },
      limit: Math.min(Math.max(request.batchSize, 1), PULL_MESSAGES_MAX),
      maxBytes: PULL_BYTES_MAX,
      waitMs,
      filter: filterOf(request.filterExpression),
    };
    const pulled = await broker.pullMessages(topic, queueId(request.messageQueue), wanted, poll.signal);
    if (pulled.status === "OFFSET_ILLEGAL") {
      const { minOffset, maxOffset } = pulled;
      throw new RefusedCall(Code.ILLEGAL_OFFSET, `Offsets of this queue go from ${minOffset} to ${maxOffset}.`);
    }
    const { messages, nextOffset } = pulled;
    const found = messages.length > 0 ? OK : { code: Code.MESSAGE_NOT_FOUND, message: "There is no message." };
    const parts: readonly PullMessageResponse[] = [
      { content: { $case: "status", value: found } },
      ...messages.map((message): PullMessageResponse => {
        return { content: { $case: "message", value: storedMessage(message, topic) } };
      }),
      { content: { $case: "nextOffset", value: nextOffset } },
    ];
    await write(parts, bodyBytes(messages));
  } finally {
    poll.end();
  }
}

/** Where a queue begins or ends, or where a time is in it. */
export async function queryOffset({ broker }: Serving, request: QueryOffsetRequest): Promise<QueryOffsetResponse> {
  const topic = topicOfQueue(request.messageQueue);
  const found = await broker.offsetAt(topic, queueId(request.messageQueue), placeOf(request));
  return { status: OK, offset: found.offset };
}

function placeOf({ queryOffsetPolicy, timestamp }: QueryOffsetRequest): "earliest" | "latest" | { readonly timestampMs: number } {
  if (queryOffsetPolicy === QueryOffsetPolicy.BEGINNING) return "earliest";
  if (queryOffsetPolicy === QueryOffsetPolicy.END) return "latest";
  if (!timestamp) throw new RefusedCall(Code.BAD_REQUEST, "A search by time needs the timestamp.");
  return { timestampMs: msOf(timestamp) };
}

/** How far the group has come in a queue. Errors: OFFSET_NOT_FOUND, CONSUMER_GROUP_NOT_FOUND, TOPIC_NOT_FOUND. */
export async function getOffset({ broker }: Serving, request: GetOffsetRequest): Promise<GetOffsetResponse> {
  const [group, topic] = [groupName(request.group), topicOfQueue(request.messageQueue)];
  const { offset } = await broker.committedOffset(group, topic, queueId(request.messageQueue));
  return { status: OK, offset };
}

/**
 * Commits how far the group has come. Clients here are no members of their group, so it is for groups whose queues nobody else shares.
 * Errors: PRECONDITION_FAILED behind the committed offset, or where members share the queues; ILLEGAL_OFFSET.
 */
export async function updateOffset({ broker }: Serving, request: UpdateOffsetRequest): Promise<UpdateOffsetResponse> {
  const [group, topic] = [groupName(request.group), topicOfQueue(request.messageQueue)];
  await broker.commitOffset(group, topic, queueId(request.messageQueue), { offset: request.offset });
  return { status: OK };
}
