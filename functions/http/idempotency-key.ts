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

/** What a write of a request with a key is known by in the store. `index` tells the messages of a batch apart. */
export function onceOfRequest(identity: RequestIdentity | undefined, index?: number): SendIdentity | undefined {
  if (!identity) return undefined;
  const key = index === undefined ? identity.key : `${identity.key}/${index}`;
  return {
    kind: "key",
    key: key.length <= DEDUP_KEY_CHARS_MAX ? key : sha256(key),
    windowMs: IDEMPOTENCY_WINDOW_MS,
  };
}

/** Gives a message without its own identity the key of its request. */
export const knownByRequest = (input: MessageInput, identity: RequestIdentity | undefined, index?: number): MessageInput =>
  !identity || input.once ? input : { ...input, once: onceOfRequest(identity, index) };

const sha256 = (text: string): string => createHash("sha256").update(text).digest("base64url");
