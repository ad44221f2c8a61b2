import { z } from "zod";

const KEY_CHARS_MIN = 32;
const KEY_CHARS_MAX = 512;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** The setting of the keys that clients send: none, one, or two while one replaces the other. Its error messages show no key. */
export const API_KEYS = z.string().transform((text, context): readonly string[] => {
  const keys = text === "" ? [] : text.split(",").map((key) => key.trim());
  const flaw = flawOf(keys);
  if (flaw !== undefined)
    context.addIssue(`must be one key, or two separated by a comma: ${flaw}. Make one with: openssl rand -hex 32`);
  return keys;
});

function flawOf(keys: readonly string[]): string | undefined {
  if (keys.length > 2) return `there are ${keys.length}`;
  for (const key of keys) {
    if (key.length < KEY_CHARS_MIN) return `a key has ${KEY_CHARS_MIN} characters or more, and one has ${key.length}`;
    if (key.length > KEY_CHARS_MAX) return `a key has ${KEY_CHARS_MAX} characters at most, and one has ${key.length}`;
    if (!PRINTABLE.test(key)) return "a key is of printable ASCII characters without blanks";
  }
  return undefined;
}
