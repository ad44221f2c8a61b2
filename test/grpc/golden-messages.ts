import * as definition from "../../functions/grpc/generated/apache/rocketmq/v2/definition.ts";
import * as service from "../../functions/grpc/generated/apache/rocketmq/v2/service.ts";
import { resource } from "./requests.ts";

/** One message of each kind that goes over the wire, with every field that it has. */

const { Code, MessageType } = definition;
const OK = { code: Code.OK, message: "OK" };
const seconds = (count: number, nanos = 0) => ({ seconds: count, nanos });
const endpoints = { scheme: definition.AddressScheme.DOMAIN_NAME, addresses: [{ host: "broker.example", port: 8_081 }] };
const [topic, group] = [{ resourceNamespace: "space", name: "orders" }, resource("billing")];
const queue: definition.MessageQueue = {
  topic,
  id: 3,
  permission: definition.Permission.READ_WRITE,
  broker: { name: "apogee", id: 0, endpoints },
  acceptMessageTypes: [MessageType.NORMAL, MessageType.FIFO, MessageType.DELAY, MessageType.TRANSACTION],
};
const filter = { type: definition.FilterType.SQL, expression: "a > 1" };
const message: definition.Message = {
  topic,
  userProperties: new Map([["colour", "ü"]]),
  systemProperties: {
    tag: "T",
    keys: ["k1", "k2"],
    messageId: "01A0",
    bodyDigest: { type: definition.DigestType.MD5, checksum: "5D41402ABC4B2A76B9719D911017C592" },
    bodyEncoding: definition.Encoding.IDENTITY,
    messageType: MessageType.FIFO,
    bornTimestamp: seconds(1_700_000_000, 123_000_000),
    bornHost: "producer",
    storeTimestamp: seconds(1_700_000_001),
    storeHost: "broker",
    deliveryTimestamp: seconds(1_700_000_002, 1),
    receiptHandle: "handle",
    queueId: 3,
    queueOffset: 2 ** 40,
    invisibleDuration: seconds(30),
    deliveryAttempt: 2,
    messageGroup: "one",
    traceContext: "trace",
    orphanedTransactionRecoveryDuration: seconds(6),
    deadLetterQueue: { topic: "dead", messageId: "02B0" },
    liteTopic: "lite",
    priority: 7,
  },
  body: Buffer.from("hello"),
};
const about = {
  accessPoint: endpoints,
  requestTimeout: seconds(3),
  userAgent: { language: definition.Language.JAVA, version: "5.2.0", platform: "Linux", hostname: "host" },
  metric: { on: false, endpoints },
};
const exponential = { initial: seconds(0, 10_000_000), max: seconds(1), multiplier: 2 };

interface Codec<T> {
  encode(value: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

const sample = <T>(codec: Codec<T>, value: T) => ({
  codec: codec as Codec<unknown>,
  value: value as unknown,
  /** What other generators call this kind of message. */
  foreignName: Object.entries(service).find(([, one]) => one === (codec as unknown))?.[0] ?? "",
});
const command = (value: service.TelemetryCommand) => sample(service.TelemetryCommand, value);

export const samples = {
  queryRouteRequest: sample(service.QueryRouteRequest, { topic, endpoints }),
  queryRouteResponse: sample(service.QueryRouteResponse, { status: OK, messageQueues: [queue] }),
  sendMessageRequest: sample(service.SendMessageRequest, { messages: [message] }),
  sendMessageResponse: sample(service.SendMessageResponse, {
    status: OK,
    entries: [{ status: OK, messageId: "01A0", transactionId: "01A0", offset: 2 ** 40, recallHandle: "recall" }],
  }),
  queryAssignmentRequest: sample(service.QueryAssignmentRequest, { topic, group, endpoints }),
  queryAssignmentResponse: sample(service.QueryAssignmentResponse, {
    status: OK,
    assignments: [{ messageQueue: { ...queue, id: -1 } }],
  }),
  receiveMessageRequest: sample(service.ReceiveMessageRequest, {
    group,
    messageQueue: queue,
    filterExpression: filter,
    batchSize: 32,
    invisibleDuration: seconds(15),
    autoRenew: true,
    longPollingTimeout: seconds(20),
    attemptId: "attempt",
  }),
  receivedStatus: sample(service.ReceiveMessageResponse, {
    content: { $case: "status", value: { code: Code.MESSAGE_NOT_FOUND, message: "none" } },
  }),
  receivedMessage: sample(service.ReceiveMessageResponse, { content: { $case: "message", value: message } }),
  receivedTime: sample(service.ReceiveMessageResponse, {
    content: { $case: "deliveryTimestamp", value: seconds(1_700_000_003, 5) },
  }),
  ackMessageRequest: sample(service.AckMessageRequest, {
    group,
    topic,
    entries: [{ messageId: "01A0", receiptHandle: "handle", liteTopic: "lite" }],
  }),
  ackMessageResponse: sample(service.AckMessageResponse, {
    status: { code: Code.MULTIPLE_RESULTS, message: "some" },
    entries: [{ messageId: "01A0", receiptHandle: "handle", status: { code: Code.INVALID_RECEIPT_HANDLE, message: "stale" } }],
  }),
  changeInvisibleDurationRequest: sample(service.ChangeInvisibleDurationRequest, {
    group,
    topic,
    receiptHandle: "handle",
    invisibleDuration: seconds(0, 500_000_000),
    messageId: "01A0",
    liteTopic: "lite",
    suspend: true,
  }),
  changeInvisibleDurationResponse: sample(service.ChangeInvisibleDurationResponse, { status: OK, receiptHandle: "handle" }),
  forwardMessageRequest: sample(service.ForwardMessageToDeadLetterQueueRequest, {
    group,
    topic,
    receiptHandle: "handle",
    messageId: "01A0",
    deliveryAttempt: 3,
    maxDeliveryAttempts: 3,
    liteTopic: "lite",
  }),
  forwardMessageResponse: sample(service.ForwardMessageToDeadLetterQueueResponse, { status: OK }),
  heartbeatRequest: sample(service.HeartbeatRequest, { group, clientType: definition.ClientType.PUSH_CONSUMER }),
  heartbeatResponse: sample(service.HeartbeatResponse, { status: OK }),
  endTransactionRequest: sample(service.EndTransactionRequest, {
    topic,
    messageId: "01A0",
    transactionId: "tx",
    resolution: definition.TransactionResolution.COMMIT,
    source: definition.TransactionSource.SOURCE_SERVER_CHECK,
    traceContext: "trace",
  }),
  endTransactionResponse: sample(service.EndTransactionResponse, { status: OK }),
  notifyClientTerminationRequest: sample(service.NotifyClientTerminationRequest, { group }),
  notifyClientTerminationResponse: sample(service.NotifyClientTerminationResponse, { status: OK }),
  recallMessageRequest: sample(service.RecallMessageRequest, { topic, recallHandle: "recall" }),
  recallMessageResponse: sample(service.RecallMessageResponse, { status: OK, messageId: "01A0" }),
  pullMessageRequest: sample(service.PullMessageRequest, {
    group,
    messageQueue: queue,
    offset: 2 ** 40,
    batchSize: 32,
    filterExpression: filter,
    longPollingTimeout: seconds(20),
  }),
  pulledOffset: sample(service.PullMessageResponse, { content: { $case: "nextOffset", value: 2 ** 40 } }),
  updateOffsetRequest: sample(service.UpdateOffsetRequest, { group, messageQueue: queue, offset: 5 }),
  updateOffsetResponse: sample(service.UpdateOffsetResponse, { status: OK }),
  getOffsetRequest: sample(service.GetOffsetRequest, { group, messageQueue: queue }),
  getOffsetResponse: sample(service.GetOffsetResponse, { status: OK, offset: 5 }),
  queryOffsetRequest: sample(service.QueryOffsetRequest, {
    messageQueue: queue,
    queryOffsetPolicy: definition.QueryOffsetPolicy.TIMESTAMP,
    timestamp: seconds(1_700_000_000),
  }),
  queryOffsetResponse: sample(service.QueryOffsetResponse, { status: OK, offset: 5 }),
  producerSettings: command({
    status: OK,
    command: {
      $case: "settings",
      value: {
        ...about,
        clientType: definition.ClientType.PRODUCER,
        backoffPolicy: { maxAttempts: 3, strategy: { $case: "exponentialBackoff", value: exponential } },
        pubSub: { $case: "publishing", value: { topics: [topic], maxBodySize: 4_194_304, validateMessageType: true } },
        clientProperties: new Map(),
      },
    },
  }),
  consumerSettings: command({
    command: {
      $case: "settings",
      value: {
        ...about,
        clientType: definition.ClientType.PUSH_CONSUMER,
        backoffPolicy: { maxAttempts: 17, strategy: { $case: "customizedBackoff", value: { next: [seconds(1), seconds(5)] } } },
        pubSub: {
          $case: "subscription",
          value: {
            group,
            subscriptions: [{ topic, expression: filter }],
            fifo: true,
            receiveBatchSize: 32,
            longPollingTimeout: seconds(20),
          },
        },
        clientProperties: new Map(),
      },
    },
  }),
  check: command({
    command: { $case: "recoverOrphanedTransactionCommand", value: { message, transactionId: "tx" } },
  }),
};

export type SampleName = keyof typeof samples;
