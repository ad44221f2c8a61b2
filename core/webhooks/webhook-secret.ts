import { fromBase64url, toBase64url } from "../bytes/base64url.ts";
import { badField } from "../errors.ts";
import { WEBHOOK_SECRET_BYTES_MAX, WEBHOOK_SECRET_BYTES_MIN } from "../ports/webhooks.ts";

/**
 * The text of a secret that signs webhooks: `whsec_` and base64 (RFC 4648 §4) of 24 to 64 bytes.
 * Source: Standard Webhooks 1.0.0, secret serialization.
 */
const SECRET = /^whsec_([A-Za-z0-9+/]*)(={0,2})$/;

export function encodeWebhookSecret(bytes: Uint8Array): string {
  const digits = toBase64url(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return `whsec_${digits.padEnd(Math.ceil(digits.length / 4) * 4, "=")}`;
}

/** Errors: BAD_REQUEST, which names `field` but repeats nothing of the text. */
export function decodeWebhookSecret(field: string, text: string): Uint8Array {
  const [, digits = "", padding = ""] = SECRET.exec(text) ?? [];
  const bytes = fromBase64url(digits.replaceAll("+", "-").replaceAll("/", "_"));
  if (
    bytes !== undefined &&
    (digits.length + padding.length) % 4 === 0 &&
    bytes.length >= WEBHOOK_SECRET_BYTES_MIN &&
    bytes.length <= WEBHOOK_SECRET_BYTES_MAX
  ) {
    return bytes;
  }
  const detail = `A secret is whsec_ and base64 of ${WEBHOOK_SECRET_BYTES_MIN} to ${WEBHOOK_SECRET_BYTES_MAX} random bytes.`;
  throw badField(field, detail);
}
