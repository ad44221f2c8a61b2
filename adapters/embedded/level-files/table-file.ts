import { ByteReader } from "../../../core/bytes/byte-reader.ts";
import { crc32c } from "../../../core/bytes/crc32c.ts";
import { masked, unmasked } from "./masked-crc.ts";

/**
 * A table of LevelDB:
 *
 *   table   = block* footer
 *   block   = contents type:u8 crc:u32le            type 0: not packed. crc: masked CRC-32C of contents and type
 *   footer  = handle handle zero* magic:u64le       48 bytes: where the index of the filter lies, and that of the data
 *   handle  = offset:varint size:varint             of the contents
 *   contents = entry* restart:u32le* restarts:u32le
 *   entry   = shared:varint own:varint size:varint key value     the value of an index's entry is a handle
 */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
const TRAILER_BYTES = 5;

export interface Block {
  readonly kind: "index" | "filter" | "data";
  readonly offset: number;
  readonly size: number;
}

/** The blocks that fail their checksum. Without its index, a table counts as one damaged block. */
export function damagedBlocks(table: Buffer): readonly Block[] {
  const whole: Block = { kind: "index", offset: 0, size: table.length };
  try {
    const footer = table.length - FOOTER_BYTES;
    if (footer < 0 || table.readBigUInt64LE(footer + FOOTER_BYTES - 8) !== MAGIC) return [whole];
    const reader = new ByteReader(table, footer);
    const filters = blockAt("index", reader);
    const index = blockAt("index", reader);
    if (!isSound(table, filters) || !isSound(table, index)) return [whole];
    const blocks = [...blocksIn(table, filters, "filter"), ...blocksIn(table, index, "data")];
    return blocks.filter((block) => !isSound(table, block));
  } catch (error) {
    if (error instanceof RangeError) return [whole];
    throw error;
  }
}

/** Replaces a damaged block so that the table can be used: by a filter that lets everything through, or a block without entries. */
export function emptied(table: Buffer, { kind, offset, size }: Block): Buffer | undefined {
  if (kind === "index" || size < TRAILER_BYTES) return undefined;
  const block = Buffer.from(table.subarray(offset, offset + size + TRAILER_BYTES));
  // For a filter, this overwrites the offset of its index. For data, the number of restarts: a block with none counts as empty.
  if (kind === "filter") block.fill(0xff, size - 5, size - 1);
  else block.fill(0, size - 4, size);
  block[size] = 0;
  block.writeUInt32LE(masked(crc32c(block, 0, size + 1)), size + 1);
  return block;
}

const blockAt = (kind: Block["kind"], reader: ByteReader): Block => ({ kind, offset: reader.varint(), size: reader.varint() });

function isSound(table: Buffer, { offset, size }: Block): boolean {
  const end = offset + size + 1;
  if (end + 4 > table.length) return false;
  return crc32c(table, offset, end) === unmasked(table.readUInt32LE(end));
}

function blocksIn(table: Buffer, { offset, size }: Block, kind: Block["kind"]): Block[] {
  const restarts = table.readUInt32LE(offset + size - 4);
  const reader = new ByteReader(table, offset, offset + size - 4 - 4 * restarts);
  const blocks: Block[] = [];
  while (reader.remaining > 0) {
    reader.varint();
    const own = reader.varint();
    const valueBytes = reader.varint();
    reader.skip(own);
    blocks.push(blockAt(kind, new ByteReader(reader.raw(valueBytes))));
  }
  return blocks;
}
