/** base64url without padding (RFC 4648 §5): handles, cursors, write ids. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const VALUES = new Int8Array(128).fill(-1);
for (let value = 0; value < 64; value++) VALUES[ALPHABET.charCodeAt(value)] = value;

export function toBase64url(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  for (; at + 2 < bytes.length; at += 3) {
    const bits = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    text += sextet(bits >> 18) + sextet(bits >> 12) + sextet(bits >> 6) + sextet(bits);
  }
  if (bytes.length - at === 1) {
    const bits = (bytes[at] as number) << 4;
    text += sextet(bits >> 6) + sextet(bits);
  } else if (bytes.length - at === 2) {
    const bits = (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) << 2;
    text += sextet(bits >> 12) + sextet(bits >> 6) + sextet(bits);
  }
  return text;
}

/** `undefined` for text that `toBase64url` would not write: a foreign character, an odd length, stray bits at the end. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const rest = text.length % 4;
  if (rest === 1) return undefined;
  const bytes = new Uint8Array(((text.length - rest) / 4) * 3 + Math.max(0, rest - 1));
  let bits = 0;
  let held = 0;
  let written = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const value = code < 128 ? (VALUES[code] as number) : -1;
    if (value < 0) return undefined;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[written++] = bits >> held;
      bits &= (1 << held) - 1;
    }
  }
  return bits === 0 ? bytes : undefined;
}

/** A whole number as `width` base64url digits, most significant first. Limit: below 64 ** width and 2 ** 53. */
export function numberToBase64url(value: number, width: number): string {
  let text = "";
  let rest = value;
  for (let digit = 0; digit < width; digit++) {
    text = ALPHABET.charAt(rest % 64) + text;
    rest = Math.floor(rest / 64);
  }
  return text;
}

/** The inverse of `numberToBase64url`; NaN for a foreign character. */
export function base64urlToNumber(text: string): number {
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const digit = code < 128 ? (VALUES[code] as number) : -1;
    value = digit < 0 ? Number.NaN : value * 64 + digit;
  }
  return value;
}

const sextet = (bits: number): string => ALPHABET.charAt(bits & 63);
