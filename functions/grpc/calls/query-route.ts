import type { Perm, Topic, TopicType } from "../../../core/terms.ts";
import {
  AddressScheme,
  Code,
  type Endpoints,
  type MessageQueue,
  MessageType,
  Permission,
} from "../generated/apache/rocketmq/v2/definition.ts";
import type { QueryRouteRequest, QueryRouteResponse } from "../generated/apache/rocketmq/v2/service.ts";
import { resourceOf } from "../message-proto.ts";
import { topicName } from "../names.ts";
import type { Serving } from "../serving.ts";
import { OK, RefusedCall } from "../status.ts";
import { withTopic } from "../topics.ts";

const BROKER_NAME = "apogee";
const ADDRESSES_MAX = 16;
const HOST_CHARS_MAX = 255;

const ACCEPTED: Readonly<Record<TopicType, readonly MessageType[]>> = {
  NORMAL: [MessageType.NORMAL],
  FIFO: [MessageType.FIFO],
  DELAY: [MessageType.DELAY],
  TRANSACTION: [MessageType.TRANSACTION],
  PRIORITY: [MessageType.PRIORITY],
  // As RocketMQ's: older clients fail on types they do not know.
  MIXED: [MessageType.NORMAL, MessageType.FIFO, MessageType.DELAY, MessageType.TRANSACTION],
};

const PERMISSIONS = { 0: Permission.NONE, 2: Permission.WRITE, 4: Permission.READ, 6: Permission.READ_WRITE } as const;

/** Of a queue that is only read any more. */
const withoutWriting = (perm: Perm): 0 | 4 => (perm === 2 ? 0 : 4);

/**
 * Where a topic is: all its queues are at this server. To clients that send or receive, queues are hints: the broker chooses the queue of a
 * message, and a receive visits all of them. So the Node.js client, which uses queue 0 alone, misses nothing. Errors: TOPIC_NOT_FOUND,
 * ILLEGAL_TOPIC.
 */
export async function queryRoute(serving: Serving, request: QueryRouteRequest): Promise<QueryRouteResponse> {
  checkEndpoints(request.endpoints);
  const name = topicName(request.topic);
  const topic = await withTopic(serving, name, () => serving.broker.getTopic(name));
  const queues = Array.from({ length: topic.readQueues }, (_, id) => queueOf(serving, topic, id, request.endpoints));
  return { status: OK, messageQueues: queues };
}

/** What clients name comes back with each queue, so it is bounded. Errors: ILLEGAL_ACCESS_POINT. */
export function checkEndpoints(endpoints: Endpoints | undefined): void {
  const addresses = endpoints?.addresses ?? [];
  if (addresses.length > ADDRESSES_MAX || addresses.some(({ host }) => host.length > HOST_CHARS_MAX))
    throw new RefusedCall(
      Code.ILLEGAL_ACCESS_POINT,
      `Endpoints have at most ${ADDRESSES_MAX} addresses of names of up to 255 characters.`,
    );
}

export function queueOf({ options }: Serving, topic: Topic, id: number, asked: Endpoints | undefined): MessageQueue {
  const { endpoint } = options;
  const endpoints = endpoint ? { scheme: schemeOf(endpoint.host), addresses: [endpoint] } : asked;
  return {
    topic: resourceOf(topic.name),
    id,
    permission: PERMISSIONS[id < topic.writeQueues ? topic.perm : withoutWriting(topic.perm)],
    broker: { name: BROKER_NAME, id: 0, endpoints },
    acceptMessageTypes: [...ACCEPTED[topic.type]],
  };
}

function schemeOf(host: string): AddressScheme {
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)) return AddressScheme.IPv4;
  return host.includes(":") ? AddressScheme.IPv6 : AddressScheme.DOMAIN_NAME;
}
