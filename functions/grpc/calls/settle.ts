import { BrokerError, type ErrorCodeName } from "../../../core/errors.ts";
import { LEASE_SECONDS_MAX, SETTLE_ENTRIES_MAX } from "../../../core/limits.ts";
import type { SettleEntry, SettleResult } from "../../../core/requests.ts";
import { Code, type Status } from "../generated/apache/rocketmq/v2/definition.ts";
import type {
  AckMessageRequest,
  AckMessageResponse,
  AckMessageResultEntry,
  ChangeInvisibleDurationRequest,
  ChangeInvisibleDurationResponse,
  ForwardMessageToDeadLetterQueueRequest,
  ForwardMessageToDeadLetterQueueResponse,
} from "../generated/apache/rocketmq/v2/service.ts";
import { groupName, topicName } from "../names.ts";
import type { Call, Serving } from "../serving.ts";
import { FAULT, OK, RefusedCall, statusOf } from "../status.ts";
import { msOf } from "../times.ts";

const SECOND_MS = 1_000;

/** Acks messages by their handles. Answers each; the status of all is that of each where they are alike. */
export async function ackMessage(serving: Serving, request: AckMessageRequest, call: Call): Promise<AckMessageResponse> {
  const group = groupName(request.group);
  topicName(request.topic);
  const { entries } = request;
  if (entries.length === 0 || entries.length > SETTLE_ENTRIES_MAX)
    throw new RefusedCall(Code.BAD_REQUEST, `A call acks 1 to ${SETTLE_ENTRIES_MAX} messages.`);
  const results = await serving.broker.settleMessages(
    group,
    entries.map(({ receiptHandle }) => ({ action: "ack", receiptHandle })),
  );
  const answers = results.map((result, at): AckMessageResultEntry => {
    const status = result.status === "error" ? statusOfFailure(result.error) : OK;
    const { messageId = "", receiptHandle = "" } = entries[at] ?? {};
    if (status.code === Code.OK || status.code === Code.INVALID_RECEIPT_HANDLE)
      serving.renewals.release(call.session, receiptHandle);
    return { messageId, receiptHandle, status };
  });
  const [first] = answers;
  const same = answers.every(({ status }) => status?.code === first?.status?.code);
  return {
    status: same ? first?.status : { code: Code.MULTIPLE_RESULTS, message: "Some were acked, and others were not." },
    entries: answers,
  };
}

/** Says when a message comes again if it is not settled before: earlier or later than so far. The handle works until then. */
export async function changeInvisibleDuration(
  serving: Serving,
  request: ChangeInvisibleDurationRequest,
  call: Call,
): Promise<ChangeInvisibleDurationResponse> {
  const { receiptHandle, suspend, invisibleDuration } = request;
  topicName(request.topic);
  const leaseMs = meantMs(call, invisibleDuration ? msOf(invisibleDuration) : 0);
  if (leaseMs < 0 || leaseMs > LEASE_SECONDS_MAX * 1_000)
    throw new RefusedCall(Code.ILLEGAL_INVISIBLE_TIME, "An invisible time is 0 seconds to 12 hours.");
  const countAttempt = suspend !== true;
  const result = await settleOne(serving, groupName(request.group), {
    action: "extend",
    receiptHandle,
    leaseMs,
    mayShorten: true,
    countAttempt,
  });
  // Whoever says when a message comes again wants no renewals.
  serving.renewals.release(call.session, receiptHandle);
  return { status: OK, receiptHandle: result.status === "extended" ? result.newReceiptHandle : receiptHandle };
}

/**
 * The Node.js client 1.0.8 takes the seconds of its group's backoff for milliseconds, and would use up the attempts of a message at once. Nobody
 * else asks for less than a second, since backoffs are whole seconds.
 */
function meantMs({ session }: Call, askedMs: number): number {
  if (!session.isPush || askedMs <= 0) return askedMs;
  const isSeconds = askedMs < SECOND_MS || (session.mistakesSeconds && askedMs <= session.backoffSecondsMax);
  return isSeconds ? askedMs * SECOND_MS : askedMs;
}

/** A push consumer gave up on a message whose order is kept. */
export async function forwardMessageToDeadLetterQueue(
  serving: Serving,
  request: ForwardMessageToDeadLetterQueueRequest,
  call: Call,
): Promise<ForwardMessageToDeadLetterQueueResponse> {
  const { receiptHandle, deliveryAttempt } = request;
  topicName(request.topic);
  const reason = `Its consumer failed ${deliveryAttempt} times.`;
  try {
    await settleOne(serving, groupName(request.group), { action: "deadLetter", receiptHandle, reason });
  } catch (error) {
    // Clients repeat this at once and for ever, whatever they are told but OK. What is no longer theirs is done with for them.
    if (!isGone(error)) throw error;
  }
  serving.renewals.release(call.session, receiptHandle);
  return { status: OK };
}

/** The message is no longer the client's, and never will be by this handle. */
const GONE: ReadonlySet<ErrorCodeName> = new Set(["LEASE_LOST", "MESSAGE_EXPIRED"]);
const isGone = (error: unknown): boolean => BrokerError.is(error) && GONE.has(error.code);

/** Clients repeat an ack for ever unless it is OK, or its handle is called invalid. */
function statusOfFailure(error: BrokerError): Status {
  const status = statusOf(error) ?? FAULT;
  return isGone(error) ? { ...status, code: Code.INVALID_RECEIPT_HANDLE } : status;
}

async function settleOne({ broker }: Serving, group: string, entry: SettleEntry): Promise<SettleResult> {
  const [result] = await broker.settleMessages(group, [entry]);
  if (!result || result.status === "error") throw result?.error ?? new Error("an entry was not answered");
  return result;
}
