import type { components } from "./api-types.ts";

type BodyEncoding = components["schemas"]["BodyEncoding"];

export interface EncodedBody {
  readonly body: string;
  readonly bodyEncoding: BodyEncoding;
}

/**
 * Longer text goes as base64, which grows by a third whatever the text. JSON makes two to six characters of each quote, line end and control
 * character, and 4 MiB of those would not fit a request.
 */
const TEXT_CHARACTERS_MAX = 512 * 1_024;

/** Bytes go as base64, text as it is, and anything else as its JSON. Errors: a `TypeError` for what is none of these. */
export function encodeBody(body: unknown): EncodedBody {
  if (ArrayBuffer.isView(body)) return encodeBytes(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  if (body instanceof ArrayBuffer) return encodeBytes(new Uint8Array(body));
  const text = typeof body === "string" ? body : JSON.stringify(body);
  if (text === undefined) throw new TypeError(`A body is text, bytes or JSON, not ${typeof body}.`);
  if (/\p{Surrogate}/u.test(text)) throw new TypeError("The body has half a surrogate pair.");
  return text.length > TEXT_CHARACTERS_MAX ? encodeBytes(new TextEncoder().encode(text)) : { body: text, bodyEncoding: "utf8" };
}

const encodeBytes = (bytes: Uint8Array): EncodedBody => ({ body: toBase64(bytes), bodyEncoding: "base64" });

/** So many bytes become text in one call: each of them is an argument. */
const CHUNK_BYTES = 8_192;

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return btoa(binary);
}

export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
