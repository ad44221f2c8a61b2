import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { FRAME_ID_BYTES, messageIdOf, toHex } from "../message/message-id.ts";
import { type MessageRecord, readRecord, recordBytesMax, skipRecord, writeRecord } from "../message/record-codec.ts";
import { RecordView } from "../message/record-view.ts";
import type { Compressor } from "../ports/compressor.ts";
import { StoreCorrupt } from "../ports/store-failures.ts";
import type { StoredMessage } from "../terms.ts";
import { OBJECT_FRAMES_BYTES_MAX } from "./log-limits.ts";

/**
 * A frame: the messages of one send to one queue, as stored in a block or in an object.
 *
 *   frame   := version u8 · kind u8 · storedAtMs u48 · frame id 14 bytes · count varint · rest · crc32c u32 (of all before it)
 *   batch   : kind 0 (plain) or 1 (deflated);  rest := records' length, unpacked, varint · records
 *   pointer : kind 2;  rest := bytes of the batch frame varint · object key text · byte offset varint
 *
 * A pointer repeats its batch's head, so that counting, timing and finding a write need no object. Golden bytes hold the format.
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
}

const FRAME_VERSION = 1;
const KIND = { plain: 0, deflated: 1, pointer: 2 } as const;
const CRC_BYTES = 4;
const STORED_AT_OFFSET = 2;

/** Packs the records when `compressor` is given and that makes the frame smaller. */
export function encodeBatch(
  head: Omit<FrameHead, "count">,
  records: readonly MessageRecord[],
  compressor?: Compressor,
): Uint8Array {
  let capacity = 64;
  for (const record of records) capacity += recordBytesMax(record);
  const plain = new ByteWriter(capacity);
  for (const record of records) writeRecord(plain, record, head.storedAtMs);
  const packed = compressor?.deflate(plain.view());
  const smaller = packed !== undefined && packed.length < plain.length;
  const out = new ByteWriter(64 + (smaller ? packed.length : plain.length));
  writeHead(out, smaller ? KIND.deflated : KIND.plain, { ...head, count: records.length });
  out.varint(plain.length);
  out.raw(smaller ? packed : plain.view());
  return seal(out);
}

export function encodePointer(pointer: Omit<PointerFrame, "kind">): Uint8Array {
  const out = new ByteWriter(128);
  writeHead(out, KIND.pointer, pointer);
  out.varint(pointer.byteLength);
  out.text(pointer.objectKey);
  out.varint(pointer.byteOffset);
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

/** What counting and timing need, unchecked. */
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

/** What an object's messages may weigh is not known without it: as much as the largest body. */
const POINTER_WEIGHT = 4 * 1_048_576;

/** About the bytes that a frame's messages take in memory, unchecked. A damaged one weighs what it is. */
export function frameWeight(frame: Uint8Array): number {
  if (frame[1] === KIND.pointer) return POINTER_WEIGHT;
  try {
    const reader = new ByteReader(frame, STORED_AT_OFFSET + 6 + FRAME_ID_BYTES);
    reader.varint();
    return Math.min(OBJECT_FRAMES_BYTES_MAX, reader.varint());
  } catch (error) {
    if (error instanceof RangeError) return frame.length;
    throw error;
  }
}

/** Errors: `StoreCorrupt` for a wrong checksum, a cut frame, or a version this code does not know. */
export function decodeFrame(frame: Uint8Array, compressor: Compressor): BatchFrame | PointerFrame {
  if (frame.length < 2 + CRC_BYTES) throw new StoreCorrupt("frame cut short");
  if (frame[0] !== FRAME_VERSION)
    throw new StoreCorrupt(`frame of format ${frame[0]}: this version knows format ${FRAME_VERSION}`);
  const end = frame.length - CRC_BYTES;
  if (new ByteReader(frame, end).u32() !== crc32c(frame, 0, end)) throw new StoreCorrupt("frame with a wrong checksum");
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

/** Shows records `from` … `from + count − 1`, counted from `from`, until `see` answers false; answers with that one. */
export function viewRecords(
  batch: BatchFrame,
  from: number,
  count: number,
  see: (view: RecordView, index: number) => boolean,
): number | undefined {
  const view = new RecordView(batch.records.subarray(batch.starts[from]));
  try {
    for (let index = 0; index < count && view.next(); index++) if (!see(view, index)) return index;
    return undefined;
  } catch (cause) {
    throw new StoreCorrupt("record that does not decode", { cause });
  }
}

/** Records `from` … `from + count − 1` of a batch as messages at `offset` and up, or those at wanted offsets; bodies are views. */
export function readMessages(
  batch: BatchFrame,
  from: number,
  count: number,
  place: { readonly queueId: number; readonly offset: number; readonly storedAtMs: number },
  wanted?: ReadonlySet<number>,
): StoredMessage[] {
  const { queueId, storedAtMs } = place;
  const reader = new ByteReader(batch.records);
  try {
    const messages: StoredMessage[] = [];
    for (let index = 0; index < count; index++) {
      if (wanted && !wanted.has(place.offset + index)) continue;
      reader.seek(batch.starts[from + index] as number);
      const { messageId, bornAtMs, tag, keys, properties, messageGroup, priority, body } = readRecord(reader, batch.storedAtMs);
      messages.push({
        messageId: messageId ?? messageIdOf(batch.idHex, from + index),
        queueId,
        offset: place.offset + index,
        bornAtMs,
        storedAtMs,
        tag,
        keys,
        properties,
        messageGroup,
        priority,
        body,
      });
    }
    return messages;
  } catch (cause) {
    throw new StoreCorrupt("record that does not decode", { cause });
  }
}
