import { checkGroupName, checkReadableTopicName } from "../../core/names.ts";
import { Code, type MessageQueue, type Resource } from "./generated/apache/rocketmq/v2/definition.ts";
import { RefusedCall } from "./status.ts";

/** The topic that a call names. Namespaces are ignored, as by RocketMQ's proxy. Errors: ILLEGAL_TOPIC. */
export function topicName(resource: Resource | undefined): string {
  const name = resource?.name ?? "";
  checkReadableTopicName(name);
  return name;
}

/** Errors: ILLEGAL_TOPIC. */
export const topicOfQueue = (queue: MessageQueue | undefined): string => topicName(queue?.topic);

/** Errors: BAD_REQUEST for what is no queue. */
export function queueId(queue: MessageQueue | undefined): number {
  const id = queue?.id ?? 0;
  if (id < 0) throw new RefusedCall(Code.BAD_REQUEST, "A queue's id is 0 or more.");
  return id;
}

/** The consumer group that a call names. Errors: ILLEGAL_CONSUMER_GROUP. */
export function groupName(resource: Resource | undefined): string {
  const name = resource?.name ?? "";
  checkGroupName(name);
  return name;
}
