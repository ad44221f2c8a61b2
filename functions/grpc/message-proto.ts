import { hash } from "node:crypto";
import { hostname } from "node:os";
import { DEAD_LETTER_PROPERTIES } from "../../core/message/system-properties.ts";
import type { ReceivedMessage, StoredMessage } from "../../core/terms.ts";
import type { TransactionCheck } from "../../core/transaction/transaction.ts";
import {
  type DeadLetterQueue,
  DigestType,
  Encoding,
  type Message,
  MessageType,
  type Resource,
  type SystemProperties,
} from "./generated/apache/rocketmq/v2/definition.ts";
import { durationOf, timestampOf } from "./times.ts";

/** Properties by which RocketMQ's clients and their users find what has no field of its own in older versions. */
const SHARDING_KEY = "__SHARDINGKEY";
const TRANSACTION_ID = "__transactionId__";
const CHECK_TIMES = "TRANSACTION_CHECK_TIMES";
const STORE_HOST = hostname().slice(0, 255);

export const resourceOf = (name: string): Resource => ({ resourceNamespace: "", name });

/** A message as a consumer receives it. */
export function receivedMessage(message: ReceivedMessage, leaseMs: number): Message {
  const proto = storedMessage(message, message.topic);
  const system = proto.systemProperties as SystemProperties;
  system.receiptHandle = message.receiptHandle;
  system.deliveryAttempt = message.attempt;
  system.invisibleDuration = durationOf(leaseMs);
  return proto;
}

/** A message as it is in its queue. */
export function storedMessage(message: StoredMessage, topic: string): Message {
  const proto = bareMessage(message, topic);
  const system = proto.systemProperties as SystemProperties;
  system.queueId = message.queueId;
  system.queueOffset = message.offset;
  return proto;
}

/** The half message that a producer is asked about. */
export function checkedMessage({ message, topic, transactionId, checkNumber }: TransactionCheck): Message {
  const proto = bareMessage(message, topic);
  const system = proto.systemProperties as SystemProperties;
  system.messageType = MessageType.TRANSACTION;
  // Those that an earlier version stored do not say it themselves.
  proto.userProperties.set(TRANSACTION_ID, transactionId);
  proto.userProperties.set(CHECK_TIMES, String(checkNumber));
  return proto;
}

function bareMessage(message: Omit<StoredMessage, "queueId" | "offset">, topic: string): Message {
  const { body, messageGroup, transactionId, deliverAtMs, properties } = message;
  const userProperties = new Map(properties);
  if (messageGroup !== undefined) userProperties.set(SHARDING_KEY, messageGroup);
  if (transactionId !== undefined) userProperties.set(TRANSACTION_ID, transactionId);
  return {
    topic: resourceOf(topic),
    userProperties,
    systemProperties: {
      tag: message.tag,
      keys: message.keys as string[],
      messageId: message.messageId,
      // Every client knows MD5, and reads CRC-32 in a way of its own.
      bodyDigest: { type: DigestType.MD5, checksum: hash("md5", body, "hex").toUpperCase() },
      bodyEncoding: Encoding.IDENTITY,
      messageType: typeOf(message),
      bornTimestamp: timestampOf(message.bornAtMs),
      bornHost: message.bornHost ?? "",
      storeTimestamp: timestampOf(message.storedAtMs),
      storeHost: STORE_HOST,
      deliveryTimestamp: deliverAtMs === undefined ? undefined : timestampOf(deliverAtMs),
      queueId: 0,
      messageGroup,
      traceContext: message.traceContext,
      deadLetterQueue: deadLetterOf(properties),
      priority: message.priority,
    },
    body: body as Buffer,
  };
}

type Typed = Pick<StoredMessage, "messageGroup" | "priority" | "deliverAtMs" | "transactionId">;

function typeOf({ messageGroup, priority, deliverAtMs, transactionId }: Typed): MessageType {
  if (transactionId !== undefined) return MessageType.TRANSACTION;
  if (messageGroup !== undefined) return MessageType.FIFO;
  if (deliverAtMs !== undefined) return MessageType.DELAY;
  return priority === undefined ? MessageType.NORMAL : MessageType.PRIORITY;
}

/** Where a dead letter died. */
function deadLetterOf(properties: ReadonlyMap<string, string>): DeadLetterQueue | undefined {
  const topic = properties.get(DEAD_LETTER_PROPERTIES.originTopic);
  if (topic === undefined) return undefined;
  return { topic, messageId: properties.get(DEAD_LETTER_PROPERTIES.originMessageId) ?? "" };
}
