import { randomBytes } from "node:crypto";
import {
  ClientType,
  Encoding,
  type FilterExpression,
  FilterType,
  type Message,
  MessageType,
  type Resource,
  type Settings,
  type SystemProperties,
} from "../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import type { ReceiveMessageRequest, SendMessageResponse } from "../../functions/grpc/generated/apache/rocketmq/v2/service.ts";
import { durationOf, timestampOf } from "../../functions/grpc/times.ts";
import type { CallOptions, RawClient, Received } from "./raw-client.ts";

/** Names, messages and settings as clients write them. */

export const resource = (name: string): Resource => ({ resourceNamespace: "", name });

export const someMessageId = (): string => `01${randomBytes(16).toString("hex").toUpperCase()}`;

export interface MessageText extends Partial<SystemProperties> {
  readonly body?: string | Buffer;
  readonly properties?: Readonly<Record<string, string>>;
}

export function message(topic: string, { body = "hello", properties = {}, ...system }: MessageText = {}): Message {
  return {
    topic: resource(topic),
    userProperties: new Map(Object.entries(properties)),
    systemProperties: {
      keys: [],
      messageId: someMessageId(),
      bodyDigest: undefined,
      bodyEncoding: Encoding.IDENTITY,
      messageType: MessageType.NORMAL,
      bornTimestamp: timestampOf(Date.now()),
      bornHost: "test",
      storeHost: "",
      queueId: 0,
      ...system,
    },
    body: Buffer.from(body),
  };
}

/** Sends one call's messages. */
export const send = (client: RawClient, topic: string, ...texts: readonly MessageText[]): Promise<SendMessageResponse> =>
  client.call("sendMessage", { messages: texts.map((text) => message(topic, text)) });

export const tagFilter = (expression: string): FilterExpression => ({ type: FilterType.TAG, expression });
export const sqlFilter = (expression: string): FilterExpression => ({ type: FilterType.SQL, expression });

export interface ReceiveText {
  readonly max?: number;
  readonly waitMs?: number | undefined;
  readonly invisibleMs?: number;
  readonly filter?: FilterExpression;
  readonly attemptId?: string;
  /** As push consumers receive. */
  readonly autoRenew?: boolean;
  /** Any queue is as good. */
  readonly queueId?: number;
}

export function receiveRequest(group: string, topic: string, text: ReceiveText = {}): ReceiveMessageRequest {
  const {
    max = 32,
    waitMs = 5_000,
    invisibleMs = 30_000,
    filter = tagFilter("*"),
    attemptId,
    autoRenew = false,
    queueId = 0,
  } = text;
  return {
    group: resource(group),
    messageQueue: { topic: resource(topic), id: queueId, permission: 0, broker: undefined, acceptMessageTypes: [] },
    filterExpression: filter,
    batchSize: max,
    invisibleDuration: autoRenew ? undefined : durationOf(invisibleMs),
    autoRenew,
    longPollingTimeout: durationOf(waitMs),
    attemptId,
  };
}

export const receive = (
  client: RawClient,
  group: string,
  topic: string,
  text: ReceiveText & CallOptions = {},
): Promise<Received> => client.receive(receiveRequest(group, topic, text), text);

/** Receives until `count` messages have come, in the order of arrival. Fails after 20 seconds. */
export async function receiveCount(
  client: RawClient,
  group: string,
  topic: string,
  count: number,
  text: ReceiveText = {},
): Promise<Message[]> {
  const messages: Message[] = [];
  const untilMs = Date.now() + 20_000;
  while (messages.length < count) {
    if (Date.now() > untilMs) throw new Error(`received ${messages.length} of ${count} messages in 20 s`);
    messages.push(...(await receive(client, group, topic, { max: Math.min(32, count - messages.length), ...text })).messages);
  }
  return messages;
}

export const handleOf = ({ systemProperties }: Message): string => systemProperties?.receiptHandle ?? "";
export const idOf = ({ systemProperties }: Message): string => systemProperties?.messageId ?? "";
export const attemptOf = ({ systemProperties }: Message): number | undefined => systemProperties?.deliveryAttempt;
export const bodyOf = ({ body }: Message): string => body.toString();
export const bodiesOf = (messages: readonly Message[]): string[] => messages.map(bodyOf);

export const ackRequest = (group: string, topic: string, handles: readonly string[]) => ({
  group: resource(group),
  topic: resource(topic),
  entries: handles.map((receiptHandle, at) => ({ messageId: `id-${at}`, receiptHandle })),
});

export const ack = (client: RawClient, group: string, topic: string, messages: readonly Message[]) =>
  client.call("ackMessage", ackRequest(group, topic, messages.map(handleOf)));

export const changeInvisible = (
  client: RawClient,
  group: string,
  topic: string,
  receiptHandle: string,
  ms: number,
  suspend?: boolean,
) =>
  client.call("changeInvisibleDuration", {
    group: resource(group),
    topic: resource(topic),
    receiptHandle,
    invisibleDuration: durationOf(ms),
    messageId: "",
    suspend,
  });

const ABOUT: Pick<Settings, "userAgent" | "metric" | "clientProperties" | "requestTimeout"> = {
  requestTimeout: durationOf(3_000),
  userAgent: { language: 1, version: "5.2.0", platform: "test", hostname: "test" },
  metric: undefined,
  clientProperties: new Map(),
};

export const producerSettings = (...topics: readonly string[]): Settings => ({
  ...ABOUT,
  clientType: ClientType.PRODUCER,
  pubSub: {
    $case: "publishing",
    value: { topics: topics.map(resource), maxBodySize: 0, validateMessageType: false },
  },
});

export const consumerSettings = (
  group: string,
  subscriptions: Readonly<Record<string, FilterExpression>> = {},
  clientType: ClientType = ClientType.PUSH_CONSUMER,
): Settings => ({
  ...ABOUT,
  clientType,
  pubSub: {
    $case: "subscription",
    value: {
      group: resource(group),
      subscriptions: Object.entries(subscriptions).map(([topic, expression]) => ({ topic: resource(topic), expression })),
    },
  },
});
