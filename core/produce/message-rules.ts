import { BrokerError, badField } from "../errors.ts";
import { type Unnameable, unnameable } from "../filter/tag.ts";
import {
  BODY_BYTES_MAX,
  BORN_HOST_CHARS_MAX,
  DEDUP_KEY_CHARS_MAX,
  KEY_CHARS_MAX,
  KEYS_MAX,
  MESSAGE_GROUP_CHARS_MAX,
  MESSAGE_ID_CHARS_MAX,
  PRIORITY_MAX,
  PRODUCER_ID_CHARS_MAX,
  PROPERTIES_BYTES_MAX,
  PROPERTIES_MAX,
  TAG_CHARS_MAX,
  TRACE_CONTEXT_CHARS_MAX,
} from "../limits.ts";
import { isReservedProperty } from "../message/system-properties.ts";
import type { MessageInput, Topic, TopicType } from "../terms.ts";
import { isDelayed } from "../timer/delivery-time.ts";

const encoder = new TextEncoder();

/** Throws what is wrong with a message for this topic. Source: RocketMQ Validators, and the proxy's SendMessageActivity. */
export function checkMessage(topic: Topic, message: MessageInput): void {
  checkContent(message);
  checkType(topic, message);
}

/** As `checkMessage`, for a half message. */
export function checkHalfMessage(topic: Topic, message: MessageInput): void {
  checkContent(message);
  if (topic.type !== "TRANSACTION" && topic.type !== "MIXED") throw belongsElsewhere(topic, "transactions belong", "TRANSACTION");
  if (isDelayed(message)) throw conflict(topic, "a transaction's message cannot be delayed.");
  if (topic.type === "TRANSACTION" && message.messageGroup !== undefined)
    throw conflict(topic, "a transaction's message has a messageGroup on MIXED topics only.");
  checkPriority(topic, message);
}

function checkContent(message: MessageInput): void {
  if (message.body.length === 0) throw new BrokerError("MESSAGE_BODY_EMPTY", "A message needs a body of at least one byte.");
  if (message.body.length > BODY_BYTES_MAX) {
    throw new BrokerError("MESSAGE_BODY_TOO_LARGE", `The body has ${message.body.length} bytes; at most ${BODY_BYTES_MAX} fit.`);
  }
  checkText("tag", message.tag, TAG_CHARS_MAX);
  checkTag(message.tag);
  checkText("messageGroup", message.messageGroup, MESSAGE_GROUP_CHARS_MAX);
  checkText("bornHost", message.bornHost, BORN_HOST_CHARS_MAX);
  checkText("traceContext", message.traceContext, TRACE_CONTEXT_CHARS_MAX);
  checkText("messageId", message.messageId, MESSAGE_ID_CHARS_MAX);
  checkKeys(message.keys ?? []);
  checkProperties(message);
  checkIdentity(message);
}

function checkKeys(keys: readonly string[]): void {
  if (keys.length > KEYS_MAX) throw wrong("keys", `A message has at most ${KEYS_MAX} keys.`);
  for (const key of keys) {
    checkText("key", key, KEY_CHARS_MAX, "keys");
    if (/\s/.test(key)) throw wrong("keys", "A key may not hold white space.");
  }
}

/** Refuses tags that no filter can name: no group that filters by tags could receive them. */
function checkTag(tag: string | undefined): void {
  const problem = tag === undefined ? undefined : unnameable(tag);
  if (problem !== undefined) throw wrong("tag", `A tag ${UNNAMEABLE_TAGS[problem]}`);
}

const UNNAMEABLE_TAGS: Readonly<Record<Unnameable, string>> = {
  bar: "may not hold '|': filters separate tags with it.",
  empty: "is not empty.",
  every: "may not be '*': in a filter that means every message.",
  "white space": "may not begin or end with white space: in a filter that is no part of a tag.",
};

function checkIdentity({ once }: MessageInput): void {
  if (once?.kind === "key") checkText("dedupKey", once.key, DEDUP_KEY_CHARS_MAX);
  if (once?.kind === "sequence") checkText("producerId", once.producerId, PRODUCER_ID_CHARS_MAX);
}

function checkText(what: string, text: string | undefined, charsMax: number, field = what): void {
  if (text === undefined) return;
  if (text.length === 0 || text.length > charsMax) throw wrong(field, `A ${what} has 1 to ${charsMax} characters.`);
  if (hasControlCharacter(text)) throw wrong(field, `A ${what} may not hold control characters.`);
}

/** BAD_REQUEST for a field of the message. */
const wrong = (field: string, detail: string): BrokerError => badField(`/${field}`, detail, detail);

function checkProperties(message: MessageInput): void {
  const { properties } = message;
  if (properties && properties.size > PROPERTIES_MAX) {
    throw new BrokerError("MESSAGE_PROPERTIES_TOO_LARGE", `A message has at most ${PROPERTIES_MAX} properties.`);
  }
  let bytes = utf8Bytes(message.tag);
  for (const key of message.keys ?? []) bytes += utf8Bytes(key);
  for (const [name, value] of properties ?? []) {
    if (name === "" || hasControlCharacter(name) || hasControlCharacter(value)) {
      throw new BrokerError(
        "ILLEGAL_MESSAGE_PROPERTY_KEY",
        "Property names are not empty, and names and values hold no control characters.",
      );
    }
    if (isReservedProperty(name))
      throw new BrokerError("ILLEGAL_MESSAGE_PROPERTY_KEY", `The property name '${name}' is reserved.`);
    bytes += utf8Bytes(name) + utf8Bytes(value);
  }
  if (bytes > PROPERTIES_BYTES_MAX) {
    throw new BrokerError(
      "MESSAGE_PROPERTIES_TOO_LARGE",
      `Properties, tag and keys make ${bytes} bytes; at most ${PROPERTIES_BYTES_MAX} fit.`,
    );
  }
}

function checkType(topic: Topic, message: MessageInput): void {
  const { type } = topic;
  if (type === "TRANSACTION") throw conflict(topic, "its messages are sent with POST /v1/topics/{topic}/transactions.");
  if (type === "FIFO" && message.messageGroup === undefined) throw conflict(topic, "every message needs a messageGroup.");
  if (type !== "FIFO" && type !== "MIXED" && message.messageGroup !== undefined)
    throw belongsElsewhere(topic, "messageGroup belongs", "FIFO");
  if (type === "DELAY" && !isDelayed(message))
    throw conflict(topic, "every message needs delaySeconds, delayLevel or deliverAt.");
  if (type !== "DELAY" && type !== "MIXED" && isDelayed(message)) throw belongsElsewhere(topic, "delays belong", "DELAY");
  checkPriority(topic, message);
}

function checkPriority(topic: Topic, { priority }: MessageInput): void {
  if (priority === undefined) return;
  if (topic.type !== "PRIORITY" && topic.type !== "MIXED") throw belongsElsewhere(topic, "priority belongs", "PRIORITY");
  if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX)
    throw new BrokerError("BAD_REQUEST", `A priority is a whole number from 0 to ${PRIORITY_MAX}.`);
}

/** MIXED topics take what any other type takes. A topic keeps its type, so the way out is another topic. */
const belongsElsewhere = (topic: Topic, what: string, type: TopicType): BrokerError =>
  conflict(topic, `${what} to ${type} or MIXED topics. Create one with {"type": "${type}"} or {"type": "MIXED"}.`);

const conflict = (topic: Topic, detail: string): BrokerError =>
  new BrokerError("MESSAGE_PROPERTY_CONFLICT_WITH_TYPE", `Topic '${topic.name}' is ${topic.type}: ${detail}`);

const utf8Bytes = (text: string | undefined): number => {
  if (text === undefined) return 0;
  // Text is nearly always ASCII: as many bytes as characters.
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 127) return encoder.encode(text).length;
  return text.length;
};

function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 32 || code === 127) return true;
  }
  return false;
}
