import { isAscii, isUtf8 } from "node:buffer";
import { BrokerError } from "../../core/errors.ts";
import { JSON_COMMAS_MAX, JSON_DEPTH_MAX, JSON_FIELDS_MAX } from "../../core/limits.ts";
import { findJsonError } from "./json-error.ts";

declare global {
  interface String {
    /** ES2024, in Node since version 20. */
    isWellFormed(): boolean;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;

const badJson = (detail: string): BrokerError => new BrokerError("BAD_REQUEST", detail);

/**
 * Parses a request body. Before parsing it refuses bodies that would take long: nesting beyond JSON_DEPTH_MAX, and very many fields or
 * elements. It also refuses what JSON.parse would accept and change: bytes that are not UTF-8, a key that occurs twice in one object,
 * and half a surrogate pair. Errors: BAD_REQUEST.
 */
export function parseJson(bytes: Buffer): unknown {
  const text = decodeUtf8(bytes);
  const keys = countKeysInText(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw describeError(text);
  }
  // There is one key per colon outside strings. Fewer keys in the value mean that one replaced an earlier one of its name.
  if (keys > 1 && countKeys(value) !== keys) throw badJson("An object of the body has a field twice.");
  if (text.includes("\\u") && !isWellFormed(value)) throw badJson("A string of the body has half a surrogate pair.");
  return value;
}

function decodeUtf8(bytes: Buffer): string {
  if (isAscii(bytes)) return bytes.toString("latin1");
  if (!isUtf8(bytes)) throw badJson("The body is not valid UTF-8.");
  const text = bytes.toString("utf8");
  // RFC 8259 §8.1: a parser may ignore a leading byte order mark. Some writers add it, and nobody would find the invisible error.
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** Walks the structure of `text`, skipping its strings. Errors: BAD_REQUEST if it is nested too deep, or holds too much. */
function countKeysInText(text: string): number {
  let depth = 0;
  let colons = 0;
  let commas = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return colons;
    } else if (code === COLON) {
      if (++colons > JSON_FIELDS_MAX) throw tooMuch(JSON_FIELDS_MAX, "fields");
    } else if (code === COMMA) {
      if (++commas > JSON_COMMAS_MAX) throw tooMuch(JSON_COMMAS_MAX, "elements");
    }
    // [ { and ] } differ from each other in one bit.
    else if ((code | 0x20) === 0x7b) {
      if (++depth > JSON_DEPTH_MAX) throw badJson(`The body is nested deeper than ${JSON_DEPTH_MAX} levels.`);
    } else if ((code | 0x20) === 0x7d) depth--;
  }
  return colons;
}

const tooMuch = (max: number, what: string): BrokerError =>
  badJson(`The body has more than ${max} ${what}. Send a large body of a message as a string, or raw to /publish.`);

/** Index of the quote that ends the string opened at `open`; -1 if there is none. */
function endOfString(text: string, open: number): number {
  for (let quote = text.indexOf('"', open + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
  }
  return -1;
}

function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === "object") keys += countKeys(element);
    return keys;
  }
  for (const member of Object.values(value)) keys += typeof member === "object" ? 1 + countKeys(member) : 1;
  return keys;
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && isWellFormed(member));
}

function describeError(text: string): BrokerError {
  const { position, expected } = findJsonError(text);
  if (position >= text.length) return badJson(`The body is not valid JSON: it ends at position ${position}, before ${expected}.`);
  const before = text.slice(0, position);
  const line = before.split("\n").length;
  const column = position - before.lastIndexOf("\n");
  return badJson(`The body is not valid JSON: expected ${expected} at position ${position} (line ${line}, column ${column}).`);
}
