import { checkGroupName, checkReadableTopicName } from "../../core/names.ts";
import type { MessageQueue, Resource } from "./generated/apache/rocketmq/v2/definition.ts";

/** The topic that a call names. Namespaces are ignored, as by RocketMQ's proxy. Errors: ILLEGAL_TOPIC. */
export function topicName(resource: Resource | undefined): string {
  const name = resource?.name ?? "";
  checkReadableTopicName(name);
  return name;
}

/** Errors: ILLEGAL_TOPIC. */
export const topicOfQueue = (queue: MessageQueue | undefined): string => topicName(queue?.topic);

/** The consumer group that a call names. Errors: ILLEGAL_CONSUMER_GROUP. */
export function groupName(resource: Resource | undefined): string {
  const name = resource?.name ?? "";
  checkGroupName(name);
  return name;
}
