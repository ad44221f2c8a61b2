import type {
  HeartbeatResponse,
  NotifyClientTerminationRequest,
  NotifyClientTerminationResponse,
  QueryAssignmentRequest,
  QueryAssignmentResponse,
} from "../generated/apache/rocketmq/v2/service.ts";
import { groupName, topicName } from "../names.ts";
import type { Call, Serving } from "../serving.ts";
import { OK } from "../status.ts";
import { checkEndpoints, queueOf } from "./query-route.ts";

/** The queue of an assignment that stands for all of a topic. */
const EVERY_QUEUE = -1;

/** A client lives: the call itself says so. Its queues are not given to others meanwhile, because clients here share all queues. */
export function heartbeat(): Promise<HeartbeatResponse> {
  return Promise.resolve({ status: OK });
}

/** A client ends: its polls end at once, and what it holds is given back. */
export async function notifyClientTermination(
  { renewals, checks }: Serving,
  _request: NotifyClientTerminationRequest,
  { session }: Call,
): Promise<NotifyClientTerminationResponse> {
  session.terminated = true;
  session.endPolls();
  checks.remove(session);
  await renewals.giveBack(session);
  return { status: OK };
}

/** What of a topic a push consumer polls: all of it, in one poll. The broker shares its messages among those who ask. */
export async function queryAssignment(serving: Serving, request: QueryAssignmentRequest): Promise<QueryAssignmentResponse> {
  groupName(request.group);
  checkEndpoints(request.endpoints);
  const topic = await serving.broker.getTopic(topicName(request.topic));
  return { status: OK, assignments: [{ messageQueue: queueOf(serving, topic, EVERY_QUEUE, request.endpoints) }] };
}
