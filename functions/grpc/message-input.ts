import { createHash } from "node:crypto";
import { gunzip } from "node:zlib";
import { DEDUP_WINDOW_SECONDS_MIN } from "../../core/limits.ts";
import type { MessageInput } from "../../core/terms.ts";
import { Code, Encoding, type Message, MessageType, type SystemProperties } from "./generated/apache/rocketmq/v2/definition.ts";
import type { Timestamp } from "./generated/google/protobuf/timestamp.ts";
import { RefusedCall } from "./status.ts";
import { msOf } from "./times.ts";

/** Clients repeat a send three times at once; this is the shortest window that the broker knows. */
const ONCE_WINDOW_MS = DEDUP_WINDOW_SECONDS_MIN * 1_000;
/** Keeps these apart from keys that users choose. */
const ONCE_PREFIX = "id:";
/** The last millisecond of the year 9999: later times cannot be shown as text. */
const BORN_MS_MAX = 253_402_300_799_999;

/** A message of a client with its unpacked body, not yet checked by the broker. Errors: ILLEGAL_MESSAGE_ID, BAD_REQUEST. */
export function messageInputOf(
  message: Message,
  body: Uint8Array,
  /** Of which client a repeat of the message is known, if it is to be. */
  { onceFrom }: { readonly onceFrom: string | undefined },
): MessageInput {
  const system = message.systemProperties;
  if (!system) throw new RefusedCall(Code.BAD_REQUEST, "A message needs its system properties.");
  const { messageId } = system;
  if (messageId === "") throw new RefusedCall(Code.ILLEGAL_MESSAGE_ID, "A message needs the id that its client made.");
  return {
    body,
    tag: system.tag,
    keys: system.keys,
    properties: message.userProperties,
    messageGroup: system.messageGroup,
    priority: system.priority,
    messageId,
    // An empty text says nothing.
    bornHost: system.bornHost || undefined,
    traceContext: system.traceContext || undefined,
    bornAtMs: system.bornTimestamp && bornAtOf(system.bornTimestamp),
    deliverAtMs: system.deliveryTimestamp && msOf(system.deliveryTimestamp),
    keepsDeliverAt: true,
    once:
      onceFrom === undefined
        ? undefined
        : { kind: "key", key: ONCE_PREFIX + sendIdentity(onceFrom, messageId, body), windowMs: ONCE_WINDOW_MS },
  };
}

/**
 * What a repeat is known by. Two clients may make the same id: it holds their machine's address, their process's number and the second, which
 * containers that start together have in common. So it is the client's, and of this body.
 */
export const sendIdentity = (clientId: string, messageId: string, body: Uint8Array): string =>
  createHash("sha256").update(`${clientId}\n${messageId}\n`).update(body).digest("base64url");

export const isTransactional = (system: SystemProperties | undefined): boolean => system?.messageType === MessageType.TRANSACTION;

export const isPacked = (system: SystemProperties | undefined): boolean => system?.bodyEncoding === Encoding.GZIP;

/** A client's clock may say anything. Where it says nothing of use, the message is born when it arrives. */
function bornAtOf(timestamp: Timestamp): number | undefined {
  const ms = msOf(timestamp);
  return ms >= 0 && ms <= BORN_MS_MAX ? ms : undefined;
}

/**
 * What a body is once it is unpacked. Readers over HTTP know no encodings, so a body is unpacked before it is stored. Errors: BAD_REQUEST,
 * MESSAGE_CORRUPTED, MESSAGE_BODY_TOO_LARGE.
 */
export function plainBody({ body, systemProperties }: Message, bytesMax: number): Uint8Array | Promise<Uint8Array> {
  const encoding = systemProperties?.bodyEncoding ?? Encoding.IDENTITY;
  if (encoding === Encoding.IDENTITY || encoding === Encoding.ENCODING_UNSPECIFIED) return body;
  if (encoding !== Encoding.GZIP)
    throw new RefusedCall(Code.BAD_REQUEST, `body_encoding ${encoding} is not known here. Use IDENTITY.`);
  return new Promise((resolve, reject) => {
    gunzip(body, { maxOutputLength: Math.max(1, bytesMax) }, (error, plain) => {
      if (!error) resolve(plain);
      else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
        reject(new RefusedCall(Code.MESSAGE_BODY_TOO_LARGE, "The bodies of a call unpack to more than 4 MiB."));
      else reject(new RefusedCall(Code.MESSAGE_CORRUPTED, "The body is not GZIP, as its body_encoding says."));
    });
  });
}
