import type { Random } from "../../core/ports/random.ts";

const CLIENT_REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;
const REQUEST_ID_BYTES = 12;

/** The client's own id if it has a plain form, else a new one. */
export function requestIdOf(header: string | undefined, random: Random): string {
  if (header !== undefined && CLIENT_REQUEST_ID.test(header)) return header;
  const bytes = random.bytes(REQUEST_ID_BYTES);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}
