import type { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import type { StoredMessage } from "../terms.ts";
import { ORIGIN_PROPERTIES, type Origin } from "./origin.ts";

/**
 * One message inside a frame.
 *
 *   record := length varint · flags u8 · born zigzag (ms after the frame's store time)
 *             [id text] [tag text] [keys] [properties] [messageGroup text] [priority varint] · body
 *   keys   := count varint · text*        properties := count varint · (name text · value text)*
 *
 * How the message came here is stored as properties (`ORIGIN_PROPERTIES`). A flag bit says whether an optional part is present. The body is
 * the rest of the length.
 */
export interface MessageRecord extends Omit<StoredMessage, "messageId" | "queueId" | "offset" | "storedAtMs"> {
  /** Present if the producer chose it; else it follows from the frame. */
  readonly messageId: string | undefined;
}

/** The flag bits of the optional parts. */
export const HAS = { id: 1, tag: 2, keys: 4, properties: 8, messageGroup: 16, priority: 32 } as const;
const KNOWN_FLAGS = 63;
const NO_KEYS: readonly string[] = [];
const NO_PROPERTIES: Properties = { properties: new Map() };

type Properties = Pick<MessageRecord, "properties" | keyof Origin>;

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
  const count = countProperties(record);
  if (count > 0) {
    head.varint(count);
    const { bornHost, traceContext, deliverAtMs, transactionId } = record;
    if (bornHost !== undefined) writeProperty(head, ORIGIN_PROPERTIES.bornHost, bornHost);
    if (traceContext !== undefined) writeProperty(head, ORIGIN_PROPERTIES.traceContext, traceContext);
    if (deliverAtMs !== undefined) writeProperty(head, ORIGIN_PROPERTIES.deliverAtMs, String(deliverAtMs));
    if (transactionId !== undefined) writeProperty(head, ORIGIN_PROPERTIES.transactionId, transactionId);
    for (const [name, value] of record.properties) writeProperty(head, name, value);
  }
  if (record.messageGroup !== undefined) head.text(record.messageGroup);
  if (record.priority !== undefined) head.varint(record.priority);
  out.varint(head.length + record.body.length);
  out.raw(head.view());
  out.raw(record.body);
}

function writeProperty(head: ByteWriter, name: string, value: string): void {
  head.text(name);
  head.text(value);
}

const countProperties = ({ properties, bornHost, traceContext, deliverAtMs, transactionId }: Properties): number =>
  properties.size +
  (bornHost === undefined ? 0 : 1) +
  (traceContext === undefined ? 0 : 1) +
  (deliverAtMs === undefined ? 0 : 1) +
  (transactionId === undefined ? 0 : 1);

function flagsOf(record: MessageRecord): number {
  return (
    (record.messageId === undefined ? 0 : HAS.id) |
    (record.tag === undefined ? 0 : HAS.tag) |
    (record.keys.length === 0 ? 0 : HAS.keys) |
    (countProperties(record) === 0 ? 0 : HAS.properties) |
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
  const { properties, bornHost, traceContext, deliverAtMs, transactionId } =
    flags & HAS.properties ? readProperties(reader) : NO_PROPERTIES;
  const messageGroup = flags & HAS.messageGroup ? reader.text() : undefined;
  const priority = flags & HAS.priority ? reader.varint() : undefined;
  const body = reader.raw(end - reader.position);
  // Spelt out: this runs for every message, and a spread takes several times as long.
  return {
    messageId,
    bornAtMs,
    tag,
    keys,
    properties,
    messageGroup,
    priority,
    bornHost,
    traceContext,
    deliverAtMs,
    transactionId,
    body,
  };
}

export function skipRecord(reader: ByteReader): void {
  reader.skip(reader.varint());
}

function readProperties(reader: ByteReader): Properties {
  const properties = new Map<string, string>();
  const origin: { -readonly [K in keyof Origin]: Origin[K] } = {};
  for (let left = reader.varint(); left > 0; left--) {
    const [name, value] = [reader.text(), reader.text()];
    switch (name) {
      case ORIGIN_PROPERTIES.bornHost:
        origin.bornHost = value;
        break;
      case ORIGIN_PROPERTIES.traceContext:
        origin.traceContext = value;
        break;
      case ORIGIN_PROPERTIES.deliverAtMs:
        origin.deliverAtMs = Number(value);
        break;
      case ORIGIN_PROPERTIES.transactionId:
        origin.transactionId = value;
        break;
      default:
        properties.set(name, value);
    }
  }
  return { properties, ...origin };
}

/** The largest body of a record of `bytes` bytes: everything but its length, its flags and its born time. */
export const bodyBytesMax = (bytes: number): number => Math.max(0, bytes - varintBytes(Math.max(0, bytes - 4)) - 2);

/** An upper bound of the bytes of a record before it is written. */
export function recordBytesMax(record: MessageRecord): number {
  let bytes = 16 + record.body.length + varintBytes(record.body.length);
  for (const text of [record.messageId, record.tag, record.messageGroup, ...record.keys])
    bytes += text === undefined ? 0 : text.length * 3 + 3;
  for (const [name, value] of record.properties) bytes += (name.length + value.length) * 3 + 6;
  for (const value of [record.bornHost, record.traceContext, record.transactionId])
    if (value !== undefined) bytes += value.length * 3 + 24;
  return record.deliverAtMs === undefined ? bytes : bytes + 40;
}
