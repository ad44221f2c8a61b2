import { BrokerError } from "../../../core/errors.ts";
import { LEASE_SECONDS_MAX, RECEIVE_MESSAGES_MAX, WAIT_SECONDS_MAX } from "../../../core/limits.ts";
import type { ReceivedMessage } from "../../../core/terms.ts";
import { Code, type Status } from "../generated/apache/rocketmq/v2/definition.ts";
import type { ReceiveMessageRequest, ReceiveMessageResponse } from "../generated/apache/rocketmq/v2/service.ts";
import { receivedMessage } from "../message-proto.ts";
import { groupName, topicOfQueue } from "../names.ts";
import { RENEWED_LEASE_MS } from "../renewals.ts";
import type { Call, Serving, WaitingCall } from "../serving.ts";
import { OK, RefusedCall } from "../status.ts";
import { filterOf, subscribe } from "../subscriptions.ts";
import { msOf, timestampOf } from "../times.ts";

/** RocketMQ's shortest invisible time of a receive. */
const INVISIBLE_MS_MIN = 10_000;
const WAIT_MS_MAX = WAIT_SECONDS_MAX * 1_000;
/** Some clients' deadline is the very end of their poll, and an answer takes a while on a busy machine. */
const ANSWER_AHEAD_MS = 300;

/** Writes the whole answer. Resolves with how many of its parts, from the first on, went out before the client was gone. */
export type WriteAnswer = (parts: readonly ReceiveMessageResponse[]) => Promise<number>;

/**
 * Takes messages of a topic for a group. The queue is a hint: all queues are visited. Push consumers name no invisible time: their leases
 * are renewed until they settle. What the client did not take is given back.
 */
export async function receiveMessage(
  serving: Serving,
  request: ReceiveMessageRequest,
  call: WaitingCall,
  write: WriteAnswer,
): Promise<void> {
  const group = groupName(request.group);
  const topic = topicOfQueue(request.messageQueue);
  const leaseMs = leaseOf(request);
  await subscribe(serving, call.session, { group, topic, filter: filterOf(request.filterExpression) });
  const messages = await take(serving, { group, topic, leaseMs, request }, call);
  if (messages.length === 0) {
    await write([statusPart({ code: Code.MESSAGE_NOT_FOUND, message: "There is no message." }), timePart(serving)]);
    return;
  }
  if (request.autoRenew) serving.renewals.hold(call.session, group, messages);
  const parts = messages.map((message): ReceiveMessageResponse => {
    return { content: { $case: "message", value: receivedMessage(message, leaseMs) } };
  });
  const written = await write([statusPart(OK), ...parts, timePart(serving)]);
  // The first part is the status.
  const lost = messages.slice(Math.max(0, written - 1));
  if (lost.length > 0) await giveBack(serving, call, group, lost);
}

function leaseOf({ autoRenew, invisibleDuration }: ReceiveMessageRequest): number {
  if (autoRenew) return RENEWED_LEASE_MS;
  const leaseMs = invisibleDuration ? msOf(invisibleDuration) : 0;
  if (leaseMs < INVISIBLE_MS_MIN || leaseMs > LEASE_SECONDS_MAX * 1_000)
    throw new RefusedCall(Code.ILLEGAL_INVISIBLE_TIME, "The invisible time of a receive is 10 seconds to 12 hours.");
  return leaseMs;
}

interface Taking {
  readonly group: string;
  readonly topic: string;
  readonly leaseMs: number;
  readonly request: ReceiveMessageRequest;
}

async function take(serving: Serving, taking: Taking, call: WaitingCall): Promise<readonly ReceivedMessage[]> {
  const { request, group, topic, leaseMs } = taking;
  const max = Math.min(request.batchSize, RECEIVE_MESSAGES_MAX);
  const waitMs = waitOf(serving, request, call);
  const poll = call.session.beginPoll(call.signal);
  try {
    if (max < 1 || (request.autoRenew && !serving.renewals.hasRoom(call.session))) {
      await serving.clock.sleep(waitMs, AbortSignal.any([poll.signal, serving.stopping]));
      return [];
    }
    const { attemptId } = request;
    const wanted = { topics: [topic], max, waitMs, leaseMs, ...(attemptId && { attemptId }) };
    return await serving.broker.receiveMessages(group, wanted, poll.signal);
  } catch (error) {
    // Group or topic may have been made anew since the client declared its subscription.
    if (BrokerError.is(error)) call.session.undeclare();
    throw error;
  } finally {
    poll.end();
  }
}

function waitOf({ clock }: Serving, { longPollingTimeout }: ReceiveMessageRequest, { deadlineMs }: WaitingCall): number {
  const wanted = longPollingTimeout ? msOf(longPollingTimeout) : WAIT_MS_MAX;
  return Math.max(0, Math.min(wanted, WAIT_MS_MAX, deadlineMs - clock.nowMs() - ANSWER_AHEAD_MS));
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

export const statusPart = (status: Status): ReceiveMessageResponse => ({ content: { $case: "status", value: status } });

const timePart = ({ clock }: Serving): ReceiveMessageResponse => ({
  content: { $case: "deliveryTimestamp", value: timestampOf(clock.nowMs()) },
});
