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
 *             kind 4 (from store format 4 on): as kind 3, and then what its messages are looked up by (`pointer-names.ts`)
 *
 * From store format 4 on the upper bit of the kind says that no message of the frame has keys, or an id of its own. A frame without it
 * may have some, or none.
 *
 * A pointer repeats its batch's head, so that counting, timing, weighing and finding a write need no object. Golden bytes hold the
 * format.
 */
export interface FrameHead extends FrameSpan {
  readonly id: Uint8Array;
  /** Whether it is known that no message of the frame has keys, or an id of its own. */
  readonly nameless?: boolean;
}

export interface FrameSpan {
  readonly storedAtMs: number;
  readonly count: number;
}

export interface BatchFrame extends FrameHead {
  readonly kind: "batch";
  /** The id in hex, with which message ids begin. */
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
  /** Bytes of the batch's records, unpacked; `undefined` in a pointer of kind 2. */
  readonly unpackedBytes?: number | undefined;
  /** Encoded, what its messages are looked up by; absent in pointers of other kinds than 4. */
  readonly names?: Uint8Array | undefined;
}

const FRAME_VERSION = 1;
const KIND = { plain: 0, deflated: 1, pointer: 2, weighedPointer: 3, namingPointer: 4 } as const;
const NAMELESS = 128;
const CRC_BYTES = 4;
const STORED_AT_OFFSET = 2;

/**
 * Packs the records if `compressor` is given and makes the frame smaller. Errors: `StoreMisuse` above 8 MiB of unpacked records,
 * because no reader accepts such a frame.
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

/** Encodes a pointer of kind 4 if names are given, of kind 3 if only the weight is, else of kind 2. */
export function encodePointer(pointer: Omit<PointerFrame, "kind">): Uint8Array {
  const { unpackedBytes, names } = pointer;
  const out = new ByteWriter(128);
  writeHead(out, pointerKind(pointer), pointer);
  out.varint(pointer.byteLength);
  out.text(pointer.objectKey);
  out.varint(pointer.byteOffset);
  if (unpackedBytes !== undefined) out.varint(unpackedBytes);
  if (names !== undefined) out.raw(names);
  return seal(out);
}

function pointerKind({ unpackedBytes, names }: Pick<PointerFrame, "unpackedBytes" | "names">): number {
  if (unpackedBytes === undefined && names !== undefined) throw new StoreMisuse("a pointer with names and without a weight");
  if (names !== undefined) return KIND.namingPointer;
  return unpackedBytes === undefined ? KIND.pointer : KIND.weighedPointer;
}

function writeHead(out: ByteWriter, kind: number, head: FrameHead): void {
  out.u8(FRAME_VERSION);
  out.u8(kind | (head.nameless ? NAMELESS : 0));
  out.u48(head.storedAtMs);
  out.raw(head.id);
  out.varint(head.count);
}

function seal(out: ByteWriter): Uint8Array {
  out.u32(crc32c(out.view()));
  return out.view();
}

/** The fields that counting and timing need, unchecked. Errors: `RangeError` for a cut frame. */
export function readFrameSpan(frame: Uint8Array): FrameSpan {
  const reader = new ByteReader(frame, STORED_AT_OFFSET);
  const storedAtMs = reader.u48();
  reader.skip(FRAME_ID_BYTES);
  return { storedAtMs, count: reader.varint() };
}

/** Reads only the head, unchecked. */
export function readFrameHead(frame: Uint8Array): FrameHead {
  const reader = new ByteReader(frame, STORED_AT_OFFSET);
  return { storedAtMs: reader.u48(), id: reader.raw(FRAME_ID_BYTES), count: reader.varint() };
}

/** The assumed weight of a message in an object whose pointer does not say: that of the largest body. */
const POINTER_WEIGHT = 4 * 1_048_576;

/** About the bytes that a frame's messages take in memory, unchecked. A damaged frame counts with its own length. */
export function frameWeight(frame: Uint8Array): number {
  const kind = kindOf(frame);
  if (kind === KIND.pointer) return POINTER_WEIGHT;
  try {
    const reader = new ByteReader(frame, STORED_AT_OFFSET + 6 + FRAME_ID_BYTES);
    reader.varint();
    const length = reader.varint();
    if (kind !== KIND.weighedPointer && kind !== KIND.namingPointer) return Math.min(OBJECT_FRAMES_BYTES_MAX, length);
    reader.text();
    reader.varint();
    return Math.min(OBJECT_FRAMES_BYTES_MAX, reader.varint());
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return frame.length;
    throw error;
  }
}

const kindOf = (frame: Uint8Array): number => (frame[1] as number) & ~NAMELESS;

/** Whether the frame says that no message of it has keys, or an id of its own. Unchecked. */
export const isNameless = (frame: Uint8Array): boolean => frame[0] === FRAME_VERSION && ((frame[1] as number) & NAMELESS) !== 0;

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
  const reader = new ByteReader(frame, STORED_AT_OFFSET, end);
  const kind = kindOf(frame);
  const named = { storedAtMs: reader.u48(), id: reader.raw(FRAME_ID_BYTES), count: reader.varint() };
  const head = isNameless(frame) ? { ...named, nameless: true } : named;
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
    case KIND.namingPointer: {
      const pointer = { objectKey: reader.text(), byteOffset: reader.varint(), byteLength: length };
      const unpackedBytes = reader.varint();
      return { ...head, kind: "pointer", ...pointer, unpackedBytes, names: reader.raw(reader.remaining) };
    }
    default:
      throw new RangeError(`unknown frame kind ${kind}`);
  }
}

/** Finds the records immediately, while their bytes are in the processor's cache after the checksum. */
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

/** Encoded bytes of record `index`. */
export const recordBytes = ({ starts, records }: BatchFrame, index: number): number =>
  (starts[index + 1] ?? records.length) - (starts[index] as number);

/**
 * Shows records `from` … `from + count − 1` to `see`, until it answers false. Answers the index of that record, counted from `from`.
 * Records that do not decode are passed to `broken`; the ones behind them are still shown.
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

/** Records `from` … `from + count − 1` of a batch as messages at `offset` and up, or only those at wanted offsets. Bodies are views. */
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
      const record = readRecord(reader, batch.storedAtMs);
      // Spelt out: this runs for every message, and a spread takes several times as long.
      messages.push({
        messageId: record.messageId ?? messageIdOf(batch.idHex, from + index),
        queueId,
        offset,
        bornAtMs: record.bornAtMs,
        storedAtMs,
        tag: record.tag,
        keys: record.keys,
        properties: record.properties,
        messageGroup: record.messageGroup,
        priority: record.priority,
        bornHost: record.bornHost,
        traceContext: record.traceContext,
        deliverAtMs: record.deliverAtMs,
        transactionId: record.transactionId,
        body: record.body,
      });
    } catch (cause) {
      unreadable.push({ offset, reason: recordFailure(cause) });
    }
  }
  return { messages, unreadable };
}

/** Malformed records fail with `RangeError`, and invalid UTF-8 with `TypeError`. Anything else is a bug. */
function recordFailure(cause: unknown): string {
  if (cause instanceof RangeError || cause instanceof TypeError) return `a record does not decode: ${cause.message}`;
  throw cause;
}
