import { isUtf8 } from "node:buffer";
import { BrokerError, badField } from "../../../core/errors.ts";
import { DEDUP_WINDOW_SECONDS_DEFAULT } from "../../../core/limits.ts";
import type { Unreadable } from "../../../core/log/frame.ts";
import type { MessageInput, ReceivedMessage, SendIdentity, StoredMessage } from "../../../core/terms.ts";
import { DELAY_LEVELS_SECONDS } from "../../../core/timer/timer-limits.ts";
import type { AnswerLimits } from "../bounds/answer-limits.ts";
import type { MessageEnvelope } from "../schemas/messages.ts";
import { formatInstant, readInstant } from "../times.ts";

const BASE64_ALPHABET = /^[A-Za-z0-9+/]*$/;

/** A checked envelope in the broker's form. Errors: BAD_REQUEST if the body does not match `bodyEncoding`. */
export function decodeMessage(envelope: MessageEnvelope): MessageInput {
  return {
    body: decodeBody(envelope.body, envelope.bodyEncoding),
    tag: envelope.tag,
    keys: envelope.keys,
    properties: envelope.properties && decodeProperties(envelope.properties),
    messageGroup: envelope.messageGroup,
    priority: envelope.priority,
    messageId: envelope.messageId,
    ...decodeDelay(envelope),
    once: decodeIdentity(envelope),
  };
}

/** Errors: BAD_REQUEST for more than one of the three; ILLEGAL_DELIVERY_TIME for a negative one. */
export function decodeDelay(given: Pick<MessageEnvelope, "delaySeconds" | "delayLevel" | "deliverAt">): {
  readonly delayMs?: number;
  readonly deliverAtMs?: number;
} {
  const { delaySeconds, delayLevel, deliverAt } = given;
  if (delaySeconds === undefined && delayLevel === undefined && deliverAt === undefined) return {};
  if ([delaySeconds, delayLevel, deliverAt].filter((one) => one !== undefined).length > 1)
    throw badField("/deliverAt", "Give one of delaySeconds, delayLevel and deliverAt.");
  if (deliverAt !== undefined) {
    const read = readInstant(deliverAt);
    if ("problem" in read) throw badField("/deliverAt", read.problem);
    return { deliverAtMs: read.ms };
  }
  const seconds = delaySeconds ?? DELAY_LEVELS_SECONDS[(delayLevel ?? 0) - 1] ?? 0;
  if (seconds < 0) throw new BrokerError("ILLEGAL_DELIVERY_TIME", "A delay is not negative.");
  return { delayMs: Math.ceil(seconds * 1_000) };
}

function decodeIdentity(envelope: MessageEnvelope): SendIdentity | undefined {
  const { dedupKey, dedupWindowSeconds, producerId, sequence } = envelope;
  if (dedupKey === undefined && dedupWindowSeconds === undefined && producerId === undefined && sequence === undefined)
    return undefined;
  if ((producerId === undefined) !== (sequence === undefined))
    throw badField(producerId === undefined ? "/producerId" : "/sequence", "producerId and sequence belong together.");
  if (dedupKey === undefined && dedupWindowSeconds !== undefined) throw badField("/dedupWindowSeconds", "Belongs to a dedupKey.");
  if (producerId === undefined || sequence === undefined)
    return { kind: "key", key: dedupKey ?? "", windowMs: (dedupWindowSeconds ?? DEDUP_WINDOW_SECONDS_DEFAULT) * 1_000 };
  if (dedupKey !== undefined) throw badField("/dedupKey", "A message has a dedupKey or a producer's sequence, not both.");
  return { kind: "sequence", producerId, sequence };
}

function decodeBody(body: unknown, encoding: MessageEnvelope["bodyEncoding"]): Buffer {
  if (encoding === "json") {
    requireExactNumbers(body);
    return Buffer.from(JSON.stringify(body));
  }
  if (typeof body !== "string") throw badField("/body", 'Must be a string. For other JSON values say "bodyEncoding": "json".');
  return encoding === "base64" ? decodeBase64(body) : Buffer.from(body);
}

/** The standard alphabet only. Padding may be missing but not wrong. */
function decodeBase64(text: string): Buffer {
  const unpadded = text.endsWith("==") ? text.length - 2 : text.endsWith("=") ? text.length - 1 : text.length;
  const paddingFits = unpadded === text.length || text.length % 4 === 0;
  if (!paddingFits || unpadded % 4 === 1 || !BASE64_ALPHABET.test(text.slice(0, unpadded))) {
    throw badField("/body", "Must be base64 of the standard alphabet, as bodyEncoding says.");
  }
  return Buffer.from(text, "base64");
}

/** Refuses numbers that JavaScript cannot hold: they would be stored as others. */
function requireExactNumbers(value: unknown): void {
  if (typeof value === "number") {
    if (Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)) return;
    throw badField("/body", "A number is beyond ±(2^53 − 1) and would change; send the body as utf8, or the number as a string.");
  }
  if (typeof value !== "object" || value === null) return;
  for (const member of Object.values(value)) requireExactNumbers(member);
}

function decodeProperties(properties: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const decoded = new Map<string, string>();
  for (const [key, value] of Object.entries(properties)) {
    const field = `/properties/${key.slice(0, 200).replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (typeof value !== "string") throw badField(field, "Must be a string.");
    decoded.set(key, value);
  }
  return decoded;
}

/** How a page of messages shows bodies: as text where they are text, or all as base64. */
export type Bodies = "text" | "base64";

/** Pages with fewer bytes of bodies always fit: a control character takes seven bytes when its text is quoted twice. */
const ALWAYS_FITTING_BYTES = 512 * 1_024;

/** A page as `show` makes it. If it would not fit with text, bodies are base64, which needs no escapes. */
export function pageJson<M extends Pick<StoredMessage, "body">, Shown>(
  messages: readonly M[],
  { quotedBytesMax }: AnswerLimits,
  show: (message: M, bodies: Bodies) => Shown,
): Shown[] {
  const page = messages.map((message) => show(message, "text"));
  if (quotedBytesMax === Number.POSITIVE_INFINITY) return page;
  if (messages.reduce((bytes, { body }) => bytes + body.length, 0) < ALWAYS_FITTING_BYTES) return page;
  if (Buffer.byteLength(JSON.stringify(JSON.stringify(page))) <= quotedBytesMax) return page;
  return messages.map((message) => show(message, "base64"));
}

/** A stored message as pull shows it. */
export function storedMessageJson(message: StoredMessage, topic: string, bodies: Bodies = "text") {
  const { body } = message;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const text = bodies === "text" && isUtf8(bytes);
  return {
    messageId: message.messageId,
    topic,
    queueId: message.queueId,
    offset: String(message.offset),
    tag: message.tag ?? null,
    keys: message.keys,
    properties: Object.fromEntries(message.properties),
    messageGroup: message.messageGroup ?? null,
    priority: message.priority,
    bornAt: formatInstant(message.bornAtMs),
    storedAt: formatInstant(message.storedAtMs),
    body: text ? bytes.toString("utf8") : bytes.toString("base64"),
    bodyEncoding: text ? "utf8" : "base64",
  };
}

/** A received message: the stored one, and the lease it is under. */
export const receivedMessageJson = (message: ReceivedMessage, bodies?: Bodies) =>
  Object.assign(storedMessageJson(message, message.topic, bodies), {
    attempt: message.attempt,
    maxAttempts: message.maxAttempts,
    leaseUntil: formatInstant(message.leaseUntilMs),
    receiptHandle: message.receiptHandle,
  });

/** A stored message that cannot be read. */
export const unreadableJson = ({ offset, reason }: Unreadable) => ({ offset: String(offset), reason });
