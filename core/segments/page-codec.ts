import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter, varintBytes } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import type { Block } from "../log/block.ts";
import { checkVersion, corruptPart, decoding, type PartName, SEGMENT_VERSION } from "./segment-format.ts";

/** Whose a page is, and the offset it begins with. */
export interface PagePlace {
  readonly topicUid: string;
  readonly queueId: number;
  readonly base: number;
}

/** What who reads a page knows of it. Its messages live until then: an index item says so, since a page cannot. */
export interface ExpectedPage extends PagePlace {
  readonly count: number;
  readonly expiresAtSeconds: number;
}

/** Frames that follow one another, as a page holds them. */
export type PageBlock = Pick<Block, "storedFromMs" | "count" | "frames"> & {
  /** Offsets that nobody wrote before it, where it restarts the chain. */
  readonly unwritten: number | undefined;
};

const LENGTH_BYTES = 4;
/** In front of what the checksum is of. */
const ENVELOPE_BYTES = LENGTH_BYTES + 4;
const T0_BYTES = 6;
const NO_WRITES: ReadonlySet<string> = new Set();

/** What stands in front of a page's blocks, without its length and checksum. */
function headOf({ topicUid, queueId, base }: PagePlace): Uint8Array {
  const head = new ByteWriter(64);
  head.u8(SEGMENT_VERSION);
  head.text(topicUid);
  head.varint(queueId);
  head.varint(base);
  return head.view();
}

export const pageHeadBytes = (place: PagePlace): number => ENVELOPE_BYTES + headOf(place).length;

/** Bytes of a block, but for its frames. */
export const blockHeadBytes = ({ unwritten, count, frames }: PageBlock): number =>
  T0_BYTES + varintBytes(restartOf(unwritten)) + varintBytes(count) + varintBytes(frames.length);

export const frameBytes = (frame: Uint8Array): number => varintBytes(frame.length) + frame.length;

const restartOf = (unwritten: number | undefined): number => (unwritten === undefined ? 0 : unwritten + 1);

/** `capacity`: about the bytes it takes. */
export function encodePage(place: PagePlace, blocks: readonly PageBlock[], capacity: number): Uint8Array {
  const out = new ByteWriter(capacity);
  out.u32(0);
  out.u32(0);
  out.raw(headOf(place));
  for (const { storedFromMs, unwritten, count, frames } of blocks) {
    out.u48(storedFromMs);
    out.varint(restartOf(unwritten));
    out.varint(count);
    out.varint(frames.length);
    for (const frame of frames) {
      out.varint(frame.length);
      out.raw(frame);
    }
  }
  const page = out.view();
  const envelope = new DataView(page.buffer, page.byteOffset);
  envelope.setUint32(0, page.length);
  envelope.setUint32(LENGTH_BYTES, crc32c(page, ENVELOPE_BYTES));
  return page;
}

/**
 * The blocks of a page; their frames are views of its bytes. Nothing is believed before its checksum. Errors: `StoreCorrupt`, which
 * names the segment, for bytes that are not the whole page that was expected, or a version this code does not know.
 */
export function decodePage(bytes: Uint8Array, expected: ExpectedPage, objectKey: string): readonly Block[] {
  const { topicUid, queueId, base, count } = expected;
  const part = { what: `the page of offsets ${base} … ${base + count - 1} of queue ${topicUid}#${queueId}`, objectKey };
  return decoding(part, () => {
    const reader = new ByteReader(bytes);
    if (reader.u32() !== bytes.length) throw corruptPart(part, "has another length");
    const checksum = reader.u32();
    checkVersion(reader.u8(), part);
    if (crc32c(bytes, ENVELOPE_BYTES) !== checksum) throw corruptPart(part, "has a wrong checksum");
    return readPage(reader, expected, part);
  });
}

function readPage(reader: ByteReader, expected: ExpectedPage, part: PartName): readonly Block[] {
  const { base, expiresAtSeconds } = expected;
  const isOfIt = reader.text() === expected.topicUid && reader.varint() === expected.queueId && reader.varint() === base;
  if (!isOfIt) throw corruptPart(part, "is another page");
  const blocks: Block[] = [];
  let next = base;
  while (reader.remaining > 0) {
    const block = readBlock(reader, next, expiresAtSeconds);
    blocks.push(block);
    next += block.count;
  }
  if (next !== base + expected.count) throw corruptPart(part, `holds ${next - base} messages`);
  return blocks;
}

function readBlock(reader: ByteReader, base: number, expiresAtSeconds: number): Block {
  const storedFromMs = reader.u48();
  const restart = reader.varint();
  const count = reader.varint();
  const frames: Uint8Array[] = [];
  let bytes = 0;
  for (let left = reader.varint(); left > 0; left--) {
    const frame = reader.raw(reader.varint());
    frames.push(frame);
    bytes += frame.length;
  }
  return {
    base,
    count,
    bytes,
    closingBytes: 0,
    expiresAtSeconds,
    storedFromMs,
    frames,
    writeIds: NO_WRITES,
    ...(restart > 0 && { chainBeforeEnd: base - restart + 1 }),
  };
}
