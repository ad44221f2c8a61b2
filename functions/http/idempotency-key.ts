import { createHash } from "node:crypto";
import { badField } from "../../core/errors.ts";
import type { KeyedRequest } from "../../core/idempotency/known-request.ts";
import { DEDUP_KEY_CHARS_MAX, IDEMPOTENCY_KEY_CHARS_MAX, IDEMPOTENCY_WINDOW_MS } from "../../core/limits.ts";
import type { MessageInput, SendIdentity } from "../../core/terms.ts";

/** Visible ASCII without the comma, which joins two headers that arrive as one. */
export const IDEMPOTENCY_KEY = /^[!-+\--~]+$/;
const METADATA_HEADER = /^(?:content-type|prefer|x-mq-.*|ce-.*)$/;

/** The identity of a request, by which its repeats are recognised. */
export interface RequestIdentity {
  /** As the client sent it. */
  readonly key: string;
  /** Equal for repeats of this request, and different for every other caller or route. */
  readonly id: string;
}

export interface IdentifiedRequest {
  /** The caller's credentials; `undefined` if everybody is admitted. */
  readonly credentials: string | undefined;
  readonly method: string;
  /** As it was sent, undecoded. */
  readonly path: string;
}

/** `key` is the header. Errors: BAD_REQUEST. */
export function identityByKey(key: string, { credentials, method, path }: IdentifiedRequest): RequestIdentity {
  if (key.length > IDEMPOTENCY_KEY_CHARS_MAX || !IDEMPOTENCY_KEY.test(key)) {
    const detail = `Must be one of 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters, without a comma, such as a UUID.`;
    throw badField("Idempotency-Key", detail);
  }
  return { key, id: sha256(JSON.stringify([credentials ?? null, method, path, key])) };
}

export interface Payload {
  readonly query: string;
  /** Names in lower case. */
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: Uint8Array | undefined;
}

/** The request with a fingerprint of its payload, byte for byte. */
export function keyedRequest({ id }: RequestIdentity, { query, headers, body }: Payload): KeyedRequest {
  const metadata = Array.from(headers).filter(([name]) => METADATA_HEADER.test(name));
  const head = JSON.stringify([query, ...metadata.sort(([a], [b]) => (a < b ? -1 : 1))]);
  const hash = createHash("sha256").update(head);
  if (body) hash.update(body);
  return { id, fingerprint: hash.digest("base64url") };
}

/** Gives a message without its own identity the key of its request. `index` tells the messages of a batch apart. */
export function knownByRequest(input: MessageInput, identity: RequestIdentity | undefined, index?: number): MessageInput {
  if (!identity || input.once) return input;
  const key = index === undefined ? identity.key : `${identity.key}/${index}`;
  const once: SendIdentity = {
    kind: "key",
    key: key.length <= DEDUP_KEY_CHARS_MAX ? key : sha256(key),
    windowMs: IDEMPOTENCY_WINDOW_MS,
  };
  return { ...input, once };
}

/** What the write of a request with a key is known by in the store: on another path, or by another caller, the key is another one. */
export const onceByRequest = (identity: RequestIdentity | undefined): SendIdentity | undefined =>
  identity && { kind: "key", key: identity.id, windowMs: IDEMPOTENCY_WINDOW_MS };

const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url");
