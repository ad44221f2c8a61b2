import { isUtf8 } from "node:buffer";
import type { TransactionCheck } from "../../core/transaction/transaction.ts";
import { checkJson } from "../http/json/check-json.ts";
import { formatInstant } from "../http/times.ts";

/** The closing braces of the message, of its data, and of the whole. */
const CLOSED = "}}}";
const EMPTY = new Uint8Array();
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
/** Bytes per chunk of base64: whole groups of three. */
const CHUNK_BYTES = 48 * 1_024;
/** The escapes of JSON.stringify for control characters. */
const ESCAPES = Array.from({ length: SPACE }, (_, code) => Buffer.from(JSON.stringify(String.fromCharCode(code)).slice(1, -1)));

/**
 * The posted body, as bytes. The message's body is copied into it once: as a value, as JSON text and as bytes of that text, a message
 * of 4 MiB would be in memory three times.
 */
export function checkBody(check: TransactionCheck, timestampMs: number): Uint8Array {
  const { body } = check.message;
  const { message, ...data } = checkJson({ ...check, message: { ...check.message, body: EMPTY } });
  const { body: _, bodyEncoding: __, ...shown } = message;
  const text = isUtf8(body);
  const head = JSON.stringify({
    type: "transaction.check",
    timestamp: formatInstant(timestampMs),
    data: { ...data, producerGroup: check.producerGroup, message: { ...shown, bodyEncoding: text ? "utf8" : "base64" } },
  });
  const opening = Buffer.from(`${head.slice(0, -CLOSED.length)},"body":"`);
  const closing = Buffer.from(`"${CLOSED}`);
  const length = text ? quotedLength(body) : 4 * Math.ceil(body.length / 3);
  const whole = Buffer.allocUnsafeSlow(opening.length + length + closing.length);
  opening.copy(whole, 0);
  if (text) quoteInto(whole, opening.length, body);
  else base64Into(whole, opening.length, body);
  closing.copy(whole, opening.length + length);
  return whole;
}

const isPlain = (byte: number): boolean => byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH;

function quotedLength(utf8: Uint8Array): number {
  let length = utf8.length;
  for (const byte of utf8) if (!isPlain(byte)) length += byte < SPACE ? (ESCAPES[byte]?.length ?? 1) - 1 : 1;
  return length;
}

/** Writes UTF-8 as it stands within the quotes of a JSON string. */
function quoteInto(target: Buffer, from: number, utf8: Uint8Array): void {
  let at = from;
  let copied = 0;
  for (let next = 0; next <= utf8.length; next++) {
    const byte = utf8[next];
    if (byte !== undefined && isPlain(byte)) continue;
    target.set(utf8.subarray(copied, next), at);
    at += next - copied;
    copied = next + 1;
    if (byte === undefined) return;
    if (byte < SPACE) at += ESCAPES[byte]?.copy(target, at) ?? 0;
    else {
      target[at++] = BACKSLASH;
      target[at++] = byte;
    }
  }
}

function base64Into(target: Buffer, from: number, bytes: Uint8Array): void {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  for (let start = 0; start < source.length; start += CHUNK_BYTES)
    at += target.write(source.toString("base64", start, start + CHUNK_BYTES), at, "latin1");
}
