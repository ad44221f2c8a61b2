import type { components } from "./api-types.ts";

type BodyEncoding = components["schemas"]["BodyEncoding"];

export interface EncodedBody {
  readonly body: unknown;
  readonly bodyEncoding: BodyEncoding;
}

/** Text goes as it is and bytes as base64; anything else goes as JSON. */
export function encodeBody(body: unknown): EncodedBody {
  if (typeof body === "string") return { body, bodyEncoding: "utf8" };
  if (body instanceof Uint8Array) return { body: toBase64(body), bodyEncoding: "base64" };
  if (body instanceof ArrayBuffer) return { body: toBase64(new Uint8Array(body)), bodyEncoding: "base64" };
  if (JSON.stringify(body) === undefined) throw new TypeError(`A message's body is text, bytes or JSON, not ${typeof body}.`);
  return { body, bodyEncoding: "json" };
}

/** So many bytes become text in one call: each of them is an argument. */
const CHUNK_BYTES = 8_192;

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) binary += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return btoa(binary);
}

export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
