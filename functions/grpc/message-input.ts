import { gunzip } from "node:zlib";
import { BODY_BYTES_MAX, DEDUP_WINDOW_SECONDS_MIN } from "../../core/limits.ts";
import type { MessageInput } from "../../core/terms.ts";
import { Code, Encoding, type Message, MessageType, type SystemProperties } from "./generated/apache/rocketmq/v2/definition.ts";
import { RefusedCall } from "./status.ts";
import { msOf } from "./times.ts";

/** Clients repeat a send three times at once; this is the shortest window that the broker knows. */
const ONCE_WINDOW_MS = DEDUP_WINDOW_SECONDS_MIN * 1_000;
/** Keeps these apart from keys that users choose. */
const ONCE_PREFIX = "id:";

export interface InputOptions {
  readonly sendOnce: boolean;
}

/** A message of a client, not yet checked by the broker. Errors: ILLEGAL_MESSAGE_ID, MESSAGE_CORRUPTED, MESSAGE_BODY_TOO_LARGE, BAD_REQUEST. */
export async function messageInputOf(message: Message, { sendOnce }: InputOptions): Promise<MessageInput> {
  const system = message.systemProperties;
  if (!system) throw new RefusedCall(Code.BAD_REQUEST, "A message needs its system properties.");
  const { messageId } = system;
  if (messageId === "") throw new RefusedCall(Code.ILLEGAL_MESSAGE_ID, "A message needs the id that its client made.");
  return {
    body: await plainBody(message.body, system.bodyEncoding),
    tag: system.tag,
    keys: system.keys,
    properties: message.userProperties,
    messageGroup: system.messageGroup,
    priority: system.priority,
    messageId,
    bornAtMs: system.bornTimestamp && msOf(system.bornTimestamp),
    deliverAtMs: system.deliveryTimestamp && msOf(system.deliveryTimestamp),
    once: sendOnce ? { kind: "key", key: ONCE_PREFIX + messageId, windowMs: ONCE_WINDOW_MS } : undefined,
  };
}

export const isTransactional = (system: SystemProperties | undefined): boolean => system?.messageType === MessageType.TRANSACTION;

/** What a body is once it is unpacked. Readers over HTTP know no encodings, so a body is unpacked before it is stored. */
async function plainBody(body: Buffer, encoding: Encoding): Promise<Uint8Array> {
  if (encoding === Encoding.IDENTITY || encoding === Encoding.ENCODING_UNSPECIFIED) return body;
  if (encoding !== Encoding.GZIP)
    throw new RefusedCall(Code.BAD_REQUEST, `body_encoding ${encoding} is not known here. Use IDENTITY.`);
  return new Promise((resolve, reject) => {
    gunzip(body, { maxOutputLength: BODY_BYTES_MAX }, (error, plain) => {
      if (!error) resolve(plain);
      else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
        reject(new RefusedCall(Code.MESSAGE_BODY_TOO_LARGE, `The body unpacks to more than ${BODY_BYTES_MAX} bytes.`));
      else reject(new RefusedCall(Code.MESSAGE_CORRUPTED, "The body is not GZIP, as its body_encoding says."));
    });
  });
}
