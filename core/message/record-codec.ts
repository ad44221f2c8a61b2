import type { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import type { StoredMessage } from "../terms.ts";

/**
 * One message inside a frame.
 *
 *   record := length varint · flags u8 · born zigzag (ms after the frame's store time)
 *             [id text] [tag text] [keys] [properties] [messageGroup text] [priority varint] · body
 *   keys   := count varint · text*        properties := count varint · (name text · value text)*
 *
 * A flag bit says whether an optional part is present. The body is the rest of the length.
 */
export interface MessageRecord extends Omit<StoredMessage, "messageId" | "queueId" | "offset" | "storedAtMs"> {
  /** Present if the producer chose it; else it follows from the frame. */
  readonly messageId: string | undefined;
}

/** The flag bits of the optional parts. */
export const HAS = { id: 1, tag: 2, keys: 4, properties: 8, messageGroup: 16, priority: 32 } as const;
const KNOWN_FLAGS = 63;
const NO_KEYS: readonly string[] = [];
const NO_PROPERTIES: ReadonlyMap<string, string> = new Map();

export function writeRecord(out: ByteWriter, record: MessageRecord, frameStoredAtMs: number): void {
  const head = new ByteWriter(128);
  head.u8(flagsOf(record));
  head.zigzag(record.bornAtMs - frameStoredAtMs);
  if (record.messageId !== undefined) head.text(record.messageId);
  if (record.tag !== undefined) head.text(record.tag);
  if (record.keys.length > 0) {
    head.varint(record.keys.length);
    for (const key of record.keys) head.text(key);
  }
  if (record.properties.size > 0) {
    head.varint(record.properties.size);
    for (const [name, value] of record.properties) {
      head.text(name);
      head.text(value);
    }
  }
  if (record.messageGroup !== undefined) head.text(record.messageGroup);
  if (record.priority !== undefined) head.varint(record.priority);
  out.varint(head.length + record.body.length);
  out.raw(head.view());
  out.raw(record.body);
}

function flagsOf(record: MessageRecord): number {
  return (
    (record.messageId === undefined ? 0 : HAS.id) |
    (record.tag === undefined ? 0 : HAS.tag) |
    (record.keys.length === 0 ? 0 : HAS.keys) |
    (record.properties.size === 0 ? 0 : HAS.properties) |
    (record.messageGroup === undefined ? 0 : HAS.messageGroup) |
    (record.priority === undefined ? 0 : HAS.priority)
  );
}

/** The body is a view of the reader's bytes. */
export function readRecord(reader: ByteReader, frameStoredAtMs: number): MessageRecord {
  const length = reader.varint();
  const end = reader.position + length;
  const flags = reader.u8();
  if (flags & ~KNOWN_FLAGS) throw new RangeError(`unknown record flags ${flags}`);
  const bornAtMs = frameStoredAtMs + reader.zigzag();
  const messageId = flags & HAS.id ? reader.text() : undefined;
  const tag = flags & HAS.tag ? reader.text() : undefined;
  const keys = flags & HAS.keys ? Array.from({ length: reader.varint() }, () => reader.text()) : NO_KEYS;
  const properties = flags & HAS.properties ? readProperties(reader) : NO_PROPERTIES;
  const messageGroup = flags & HAS.messageGroup ? reader.text() : undefined;
  const priority = flags & HAS.priority ? reader.varint() : undefined;
  return { messageId, bornAtMs, tag, keys, properties, messageGroup, priority, body: reader.raw(end - reader.position) };
}

export function skipRecord(reader: ByteReader): void {
  reader.skip(reader.varint());
}

function readProperties(reader: ByteReader): ReadonlyMap<string, string> {
  const properties = new Map<string, string>();
  for (let left = reader.varint(); left > 0; left--) properties.set(reader.text(), reader.text());
  return properties;
}

/** The largest body of a record of `bytes` bytes: everything but its length, its flags and its born time. */
export const bodyBytesMax = (bytes: number): number => Math.max(0, bytes - varintBytes(Math.max(0, bytes - 4)) - 2);

/** An upper bound of the bytes of a record before it is written. */
export function recordBytesMax(record: MessageRecord): number {
  let bytes = 16 + record.body.length + varintBytes(record.body.length);
  for (const text of [record.messageId, record.tag, record.messageGroup, ...record.keys])
    bytes += text === undefined ? 0 : text.length * 3 + 3;
  for (const [name, value] of record.properties) bytes += (name.length + value.length) * 3 + 6;
  return bytes;
}
