import { isUtf8 } from "node:buffer";
import { badField, notAvailableYet } from "../../../core/errors.ts";
import { KEY_CHARS_MAX, KEYS_MAX, MESSAGE_GROUP_CHARS_MAX, TAG_CHARS_MAX } from "../../../core/limits.ts";
import type { MessageInput } from "../../../core/terms.ts";
import { decodeDelay } from "../json/message-json.ts";
import { nearestName } from "../nearest-name.ts";

const PREFIX = "x-mq-";
const PROPERTY_PREFIX = "x-mq-property-";
const KNOWN_HEADERS = ["x-mq-tag", "x-mq-keys", "x-mq-group", "x-mq-delay", "x-mq-deliver-at", "x-mq-property-{name}"];
const SECONDS = /^\d{1,10}(\.\d{1,3})?$/;
const NOT_ASCII = /[\u0080-\uffff]/;

/** The metadata of a raw message, from its X-MQ-* headers. Errors: BAD_REQUEST for an unknown, over-long or unreadable one. */
export function readPublishHeaders(headers: Iterable<readonly [string, string]>): Omit<MessageInput, "body"> {
  const properties = new Map<string, string>();
  let tag: string | undefined;
  let keys: string[] | undefined;
  let messageGroup: string | undefined;
  let delaySeconds: number | undefined;
  let deliverAt: string | undefined;
  for (const [name, raw] of headers) {
    if (name.startsWith("ce-")) throw notAvailableYet("CloudEvents (the ce-* headers)");
    if (!name.startsWith(PREFIX)) continue;
    const value = decodeValue(name, raw);
    if (name.startsWith(PROPERTY_PREFIX)) {
      properties.set(name.slice(PROPERTY_PREFIX.length), value);
    } else if (name === "x-mq-tag") tag = atMost(name, value, TAG_CHARS_MAX);
    else if (name === "x-mq-keys") keys = readKeys(name, value);
    else if (name === "x-mq-group") messageGroup = atMost(name, value, MESSAGE_GROUP_CHARS_MAX);
    else if (name === "x-mq-delay") delaySeconds = readSeconds(name, value);
    else if (name === "x-mq-deliver-at") deliverAt = value;
    else throw badField(name, `There is no such header.${nearestName(name, KNOWN_HEADERS)}`);
  }
  return { tag, keys, messageGroup, ...(properties.size > 0 ? { properties } : {}), ...decodeDelay({ delaySeconds, deliverAt }) };
}

/** HTTP decodes header bytes as Latin-1. Values that were sent as UTF-8 are decoded again. */
function decodeValue(name: string, value: string): string {
  if (!NOT_ASCII.test(value)) return value;
  const bytes = Buffer.from(value, "latin1");
  if (!isUtf8(bytes)) throw badField(name, "Must be UTF-8.");
  return bytes.toString();
}

function readKeys(name: string, value: string): string[] {
  const keys = value.split(",").map((key) => atMost(name, key.trim(), KEY_CHARS_MAX));
  if (keys.length > KEYS_MAX) throw badField(name, `Must have at most ${KEYS_MAX} keys.`);
  return keys;
}

function readSeconds(name: string, value: string): number {
  if (!SECONDS.test(value)) throw badField(name, "Must be a number of seconds.");
  return Number(value);
}

function atMost(name: string, value: string, charsMax: number): string {
  if (value.length > charsMax) throw badField(name, `Must have at most ${charsMax} characters.`);
  return value;
}
