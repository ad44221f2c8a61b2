import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { FRAME_ID_BYTES, messageIdOf, toHex } from "../message/message-id.ts";
import { type MessageRecord, readRecord, recordBytesMax, skipRecord, writeRecord } from "../message/record-codec.ts";
import { RecordView } from "../message/record-view.ts";
import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt, StoreMisuse } from "../ports/store-failures.ts";
import type { StoredMessage } from "../terms.ts";
import { OBJECT_FRAMES_BYTES_MAX } from "./log-limits.ts";

/**
 * A frame: the messages of one send to one queue, as stored in a block or in an object.
 *
 *   frame   := version u8 · kind u8 · storedAtMs u48 · frame id 14 bytes · count varint · rest · crc32c u32 (of all before it)
 *   batch   : kind 0 (plain) or 1 (deflated);  rest := records' length, unpacked, varint · records
 *   pointer : kind 2;  rest := bytes of the batch frame varint · object key text · byte offset varint
 *             kind 3 (from store format 3 on): as kind 2, and then the batch's records' length, unpacked, varint
 *
 * A pointer repeats its batch's head, so that counting, timing, weighing and finding a write need no object. Golden bytes hold the
 * format.
 */
export interface FrameHead extends FrameSpan {
  readonly id: Uint8Array;
}

export interface FrameSpan {
  readonly storedAtMs: number;
  readonly count: number;
}

export interface BatchFrame extends FrameHead {
  readonly kind: "batch";
  /** The id as message ids begin with it. */
  readonly idHex: string;
  /** Records as written, unpacked. */
  readonly records: Uint8Array;
  /** Where each of them starts. */
  readonly starts: Uint32Array;
}

export interface PointerFrame extends FrameHead {
  readonly kind: "pointer";
  readonly objectKey: string;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** Bytes of the batch's records, unpacked; `undefined` in a pointer that does not say. */
  readonly unpackedBytes?: number | undefined;
}

const FRAME_VERSION = 1;
const KIND = { plain: 0, deflated: 1, pointer: 2, weighedPointer: 3 } as const;
const CRC_BYTES = 4;
const STORED_AT_OFFSET = 2;

/**
 * Packs the records when `compressor` is given and that makes the frame smaller. Errors: `StoreMisuse` above 8 MiB of records,
 * unpacked: no reader accepts such a frame, so none may be made.
 */
export function encodeBatch(
  head: Omit<FrameHead, "count">,
  records: readonly MessageRecord[],
  compressor?: Compressor,
): Uint8Array {
  let capacity = 64;
  for (const record of records) capacity += recordBytesMax(record);
  const plain = new ByteWriter(capacity);
  for (const record of records) writeRecord(plain, record, head.storedAtMs);
  if (plain.length > OBJECT_FRAMES_BYTES_MAX) {
    throw new StoreMisuse(`a frame of ${plain.length} bytes of records; the limit is ${OBJECT_FRAMES_BYTES_MAX}`);
  }
  const packed = compressor?.deflate(plain.view());
  const smaller = packed !== undefined && packed.length < plain.length;
  const out = new ByteWriter(64 + (smaller ? packed.length : plain.length));
  writeHead(out, smaller ? KIND.deflated : KIND.plain, { ...head, count: records.length });
  out.varint(plain.length);
  out.raw(smaller ? packed : plain.view());
  return seal(out);
}

/** Of kind 3 where the weight is given, else of kind 2. */
export function encodePointer(pointer: Omit<PointerFrame, "kind">): Uint8Array {
  const { unpackedBytes } = pointer;
  const out = new ByteWriter(128);
  writeHead(out, unpackedBytes === undefined ? KIND.pointer : KIND.weighedPointer, pointer);
  out.varint(pointer.byteLength);
  out.text(pointer.objectKey);
  out.varint(pointer.byteOffset);
  if (unpackedBytes !== undefined) out.varint(unpackedBytes);
  return seal(out);
}

function writeHead(out: ByteWriter, kind: number, head: FrameHead): void {
  out.u8(FRAME_VERSION);
  out.u8(kind);
  out.u48(head.storedAtMs);
  out.raw(head.id);
  out.varint(head.count);
}

function seal(out: ByteWriter): Uint8Array {
  out.u32(crc32c(out.view()));
  return out.view();
}

/** What counting and timing need, unchecked. Errors: `RangeError` for a cut frame. */
export function readFrameSpan(frame: Uint8Array): FrameSpan {
  const reader = new ByteReader(frame, STORED_AT_OFFSET);
  const storedAtMs = reader.u48();
  reader.skip(FRAME_ID_BYTES);
  return { storedAtMs, count: reader.varint() };
}

/** The head alone, unchecked. */
export function readFrameHead(frame: Uint8Array): FrameHead {
  const reader = new ByteReader(frame, STORED_AT_OFFSET);
  return { storedAtMs: reader.u48(), id: reader.raw(FRAME_ID_BYTES), count: reader.varint() };
}

/** What one message in an object may weigh, where its pointer does not say: as much as the largest body. */
const POINTER_WEIGHT = 4 * 1_048_576;

/** About the bytes that a frame's messages take in memory, unchecked. A damaged one weighs what it is. */
export function frameWeight(frame: Uint8Array): number {
  if (frame[1] === KIND.pointer) return POINTER_WEIGHT;
  try {
    const reader = new ByteReader(frame, STORED_AT_OFFSET + 6 + FRAME_ID_BYTES);
    reader.varint();
    const length = reader.varint();
    if (frame[1] !== KIND.weighedPointer) return Math.min(OBJECT_FRAMES_BYTES_MAX, length);
    reader.text();
    reader.varint();
    return Math.min(OBJECT_FRAMES_BYTES_MAX, reader.varint());
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return frame.length;
    throw error;
  }
}

/** Whether the frame is long enough to be one, and its checksum is right. */
export function isWhole(frame: Uint8Array): boolean {
  const end = frame.length - CRC_BYTES;
  return end >= 2 && new ByteReader(frame, end).u32() === crc32c(frame, 0, end);
}

/** Errors: `StoreCorrupt` for a wrong checksum, a cut frame, or a version this code does not know. */
export function decodeFrame(frame: Uint8Array, compressor: Compressor): BatchFrame | PointerFrame {
  if (frame.length < 2 + CRC_BYTES) throw new StoreCorrupt("frame cut short");
  if (frame[0] !== FRAME_VERSION)
    throw new StoreCorrupt(`frame of format ${frame[0]}: this version knows format ${FRAME_VERSION}`);
  const end = frame.length - CRC_BYTES;
  if (!isWhole(frame)) throw new StoreCorrupt("frame with a wrong checksum");
  try {
    return readFrame(frame, end, compressor);
  } catch (cause) {
    throw new StoreCorrupt("frame that does not decode", { cause });
  }
}

function readFrame(frame: Uint8Array, end: number, compressor: Compressor): BatchFrame | PointerFrame {
  const reader = new ByteReader(frame, 1, end);
  const kind = reader.u8();
  const head = { storedAtMs: reader.u48(), id: reader.raw(FRAME_ID_BYTES), count: reader.varint() };
  const length = reader.varint();
  switch (kind) {
    case KIND.plain:
      return batchFrame(head, reader.raw(length));
    case KIND.deflated:
      if (length > OBJECT_FRAMES_BYTES_MAX) throw new RangeError("records too long");
      return batchFrame(head, compressor.inflate(reader.raw(reader.remaining), length));
    case KIND.pointer:
      return { ...head, kind: "pointer", objectKey: reader.text(), byteOffset: reader.varint(), byteLength: length };
    case KIND.weighedPointer: {
      const pointer = { objectKey: reader.text(), byteOffset: reader.varint(), byteLength: length };
      return { ...head, kind: "pointer", ...pointer, unpackedBytes: reader.varint() };
    }
    default:
      throw new RangeError(`unknown frame kind ${kind}`);
  }
}

/** Finds the records at once, while the checksum has their bytes in the processor's cache. */
function batchFrame(head: FrameHead, records: Uint8Array): BatchFrame {
  const starts = new Uint32Array(head.count);
  const reader = new ByteReader(records);
  for (let index = 0; index < head.count; index++) {
    starts[index] = reader.position;
    skipRecord(reader);
  }
  return { ...head, kind: "batch", idHex: toHex(head.id), records, starts };
}

/** A message that is stored and cannot be read. */
export interface Unreadable {
  readonly offset: number;
  readonly reason: string;
}

/** Bytes of record `index` as it is in the batch. */
export const recordBytes = ({ starts, records }: BatchFrame, index: number): number =>
  (starts[index + 1] ?? records.length) - (starts[index] as number);

/**
 * Shows records `from` … `from + count − 1`, counted from `from`, until `see` answers false; answers with that one. A record that
 * does not decode is passed to `broken`, and those behind it are shown.
 */
export function viewRecords(
  batch: BatchFrame,
  from: number,
  count: number,
  see: (view: RecordView, index: number) => boolean,
  broken: (index: number, reason: string) => void,
): number | undefined {
  const view = new RecordView(batch.records.subarray(batch.starts[from]));
  for (let index = 0; index < count && view.next(); index++) {
    try {
      if (!see(view, index)) return index;
    } catch (cause) {
      broken(index, recordFailure(cause));
    }
  }
  return undefined;
}

/** Records `from` … `from + count − 1` of a batch as messages at `offset` and up, or those at wanted offsets; bodies are views. */
export function readMessages(
  batch: BatchFrame,
  from: number,
  count: number,
  at: { readonly queueId: number; readonly offset: number; readonly storedAtMs: number },
  wanted?: ReadonlySet<number>,
): { readonly messages: StoredMessage[]; readonly unreadable: Unreadable[] } {
  const { queueId, storedAtMs } = at;
  const reader = new ByteReader(batch.records);
  const messages: StoredMessage[] = [];
  const unreadable: Unreadable[] = [];
  for (let index = 0; index < count; index++) {
    const offset = at.offset + index;
    if (wanted && !wanted.has(offset)) continue;
    try {
      reader.seek(batch.starts[from + index] as number);
      const { messageId, bornAtMs, tag, keys, properties, messageGroup, priority, body } = readRecord(reader, batch.storedAtMs);
      messages.push({
        messageId: messageId ?? messageIdOf(batch.idHex, from + index),
        queueId,
        offset,
        bornAtMs,
        storedAtMs,
        tag,
        keys,
        properties,
        messageGroup,
        priority,
        body,
      });
    } catch (cause) {
      unreadable.push({ offset, reason: recordFailure(cause) });
    }
  }
  return { messages, unreadable };
}

/** Bytes that are no record fail as `RangeError`, and text that is no UTF-8 as `TypeError`; anything else is a bug. */
function recordFailure(cause: unknown): string {
  if (cause instanceof RangeError || cause instanceof TypeError) return `a record does not decode: ${cause.message}`;
  throw cause;
}
