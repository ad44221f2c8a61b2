import { BrokerError } from "../../../core/errors.ts";
import { LEASE_SECONDS_MAX, RECEIVE_MESSAGES_MAX, WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import { bodyBytes } from "../../../core/message/body-bytes.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { Code, type Status } from "../generated/apache/rocketmq/v2/definition.ts";
import type { ReceiveMessageRequest, ReceiveMessageResponse } from "../generated/apache/rocketmq/v2/service.ts";
import type { WriteAnswer } from "../handlers.ts";
import { receivedMessage } from "../message-proto.ts";
import { groupName, topicOfQueue } from "../names.ts";
import { RENEWED_LEASE_MS } from "../renewals.ts";
import type { Call, Serving, WaitingCall } from "../serving.ts";
import { OK, RefusedCall } from "../status.ts";
import { filterOf, subscribe } from "../subscriptions.ts";
import { msOf, timestampOf } from "../times.ts";
import { waitOf } from "../waits.ts";

/** RocketMQ's shortest invisible time of a receive. The texts below begin with RocketMQ's words, which programs look for. */
const INVISIBLE_MS_MIN = 10_000;
const WAIT_MS_MAX = WAIT_SECONDS_MAX * 1_000;

/**
 * Takes messages of a topic for a group. The queue is a hint: all queues are visited. Push consumers name no invisible time: their leases
 * are renewed until they settle. What the client did not take is given back.
 */
export async function receiveMessage(
  serving: Serving,
  request: ReceiveMessageRequest,
  call: WaitingCall,
  write: WriteAnswer<ReceiveMessageResponse>,
): Promise<void> {
  const group = groupName(request.group);
  const topic = topicOfQueue(request.messageQueue);
  const leaseMs = leaseOf(request);
  await subscribe(serving, call.session, { group, topic, filter: filterOf(request.filterExpression) });
  const messages = await take(serving, { group, topic, leaseMs, request }, call);
  const terminated = messages.length > 0 && call.session.terminated;
  // They were taken while the client ended, and it settles nothing any more.
  if (terminated) await giveBack(serving, call, group, messages);
  if (messages.length === 0 || terminated) {
    await write([statusPart({ code: Code.MESSAGE_NOT_FOUND, message: "There is no message." }), timePart(serving)], 0);
    return;
  }
  if (request.autoRenew) serving.renewals.hold(call.session, group, messages);
  const parts = messages.map((message): ReceiveMessageResponse => {
    return { content: { $case: "message", value: receivedMessage(message, leaseMs) } };
  });
  const written = await write([statusPart(OK), ...parts, timePart(serving)], bodyBytes(messages));
  // The first part is the status.
  const lost = messages.slice(Math.max(0, written - 1));
  if (lost.length > 0) await giveBack(serving, call, group, lost);
}

function leaseOf({ autoRenew, invisibleDuration }: ReceiveMessageRequest): number {
  if (autoRenew) return RENEWED_LEASE_MS;
  const leaseMs = invisibleDuration ? msOf(invisibleDuration) : 0;
  if (leaseMs < INVISIBLE_MS_MIN || leaseMs > LEASE_SECONDS_MAX * 1_000)
    throw new RefusedCall(
      Code.ILLEGAL_INVISIBLE_TIME,
      leaseMs < INVISIBLE_MS_MIN
        ? "the invisibleTime is too small: it is at least 10 seconds"
        : "the invisibleTime is too large: it is at most 12 hours",
    );
  return leaseMs;
}

interface Taking {
  readonly group: string;
  readonly topic: string;
  readonly leaseMs: number;
  readonly request: ReceiveMessageRequest;
}

function take(serving: Serving, taking: Taking, call: WaitingCall): Promise<readonly ReceivedMessage[]> {
  const { longPollingTimeout, autoRenew } = taking.request;
  const { session, deadlineMs } = call;
  const otherwiseMs = session.pollMs ?? WAIT_MS_MAX;
  const waitMs = waitOf(longPollingTimeout, { deadlineMs, nowMs: serving.clock.nowMs(), otherwiseMs });
  if (!autoRenew) return poll(serving, taking, call, waitMs);
  return serving.pushPolls.run((waitMsMax) => poll(serving, taking, call, Math.min(waitMs, waitMsMax)));
}

async function poll(
  serving: Serving,
  { request, group, topic, leaseMs }: Taking,
  { session, signal }: WaitingCall,
  waitMs: number,
): Promise<readonly ReceivedMessage[]> {
  const { attemptId, batchSize, autoRenew } = request;
  const max = Math.min(batchSize, RECEIVE_MESSAGES_MAX);
  const begun = session.beginPoll(signal);
  try {
    if (max < 1 || (autoRenew && !serving.renewals.hasRoom(session))) {
      await serving.clock.sleep(waitMs, begun.signal);
      return [];
    }
    const wanted = { topics: [topic], max, waitMs, leaseMs, ...(attemptId && { attemptId }) };
    return await serving.broker.receiveMessages(group, wanted, begun.signal);
  } catch (error) {
    // Group or topic may have been made anew since the client declared its subscription.
    if (BrokerError.is(error)) session.undeclare();
    throw error;
  } finally {
    begun.end();
  }
}

/** The client is gone: nobody would settle these before their lease ends. */
async function giveBack(
  { broker, renewals }: Serving,
  { session }: Call,
  group: string,
  messages: readonly ReceivedMessage[],
): Promise<void> {
  for (const { receiptHandle } of messages) renewals.release(session, receiptHandle);
  await broker.settleMessages(
    group,
    messages.map(({ receiptHandle }) => ({ action: "nack", receiptHandle, delayMs: 0, countAttempt: false })),
  );
}

const statusPart = (status: Status): ReceiveMessageResponse => ({ content: { $case: "status", value: status } });

const timePart = ({ clock }: Serving): ReceiveMessageResponse => ({
  content: { $case: "deliveryTimestamp", value: timestampOf(clock.nowMs()) },
});
