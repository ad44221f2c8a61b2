import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { checkVersion, corruptPart, SEGMENT_HEAD, SEGMENT_MAGIC, SEGMENT_VERSION } from "./segment-format.ts";
import { SEGMENT_BYTES_MAX } from "./segment-limits.ts";

/** Where the parts of a segment are that lie behind its pages. */
export interface SegmentTrailer {
  readonly keys: { readonly byteOffset: number; readonly byteLength: number };
  readonly directory: { readonly byteOffset: number; readonly byteLength: number; readonly checksum: number };
  /** The store time of its oldest message. */
  readonly storedFromMs: number;
}

/** The last of a segment. */
export const TRAILER_BYTES = 64;
/** In front of the checksum. */
const CHECKED_BYTES = TRAILER_BYTES - 4 - 1 - SEGMENT_MAGIC.length;

export function encodeTrailer({ keys, directory, storedFromMs }: SegmentTrailer): Uint8Array {
  const out = new ByteWriter(TRAILER_BYTES);
  out.u48(keys.byteOffset);
  out.u48(keys.byteLength);
  out.u48(directory.byteLength);
  out.u32(directory.checksum);
  out.u48(storedFromMs);
  out.raw(new Uint8Array(CHECKED_BYTES - out.length));
  out.u32(crc32c(out.view()));
  out.u8(SEGMENT_VERSION);
  out.raw(SEGMENT_MAGIC);
  return out.view();
}

/** Errors: `StoreCorrupt`, which names the segment, for bytes that are no trailer, or a version this code does not know. */
export function decodeTrailer(bytes: Uint8Array, objectKey: string): SegmentTrailer {
  const part = { what: "the trailer", objectKey };
  const magic = bytes.subarray(-SEGMENT_MAGIC.length);
  if (bytes.length !== TRAILER_BYTES || magic.some((byte, index) => byte !== SEGMENT_MAGIC[index]))
    throw corruptPart(part, "is not that of a segment");
  checkVersion(bytes[TRAILER_BYTES - SEGMENT_MAGIC.length - 1], part);
  if (new ByteReader(bytes, CHECKED_BYTES).u32() !== crc32c(bytes, 0, CHECKED_BYTES))
    throw corruptPart(part, "has a wrong checksum");
  const reader = new ByteReader(bytes);
  const keys = { byteOffset: reader.u48(), byteLength: reader.u48() };
  const byteOffset = keys.byteOffset + keys.byteLength;
  const directory = { byteOffset, byteLength: reader.u48(), checksum: reader.u32() };
  if (keys.byteOffset < SEGMENT_HEAD.length || byteOffset + directory.byteLength + TRAILER_BYTES > SEGMENT_BYTES_MAX)
    throw corruptPart(part, "is of a larger object than there can be");
  return { keys, directory, storedFromMs: reader.u48() };
}
