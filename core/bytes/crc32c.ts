/**
 * CRC-32C (Castagnoli, RFC 3720 §B.4), sixteen bytes at a time. The table at 256 · n has the contribution of a byte with n bytes behind
 * it. Every frame is checked with it, on write and on read.
 */

const POLYNOMIAL = 0x82f63b78;
const STRIDE = 16;
const tables = buildTables();

export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let crc = -1;
  let at = from;
  for (const end = to - STRIDE; at <= end; at += STRIDE) {
    crc =
      word(crc ^ words.getInt32(at, true), 3072) ^
      word(words.getInt32(at + 4, true), 2048) ^
      word(words.getInt32(at + 8, true), 1024) ^
      word(words.getInt32(at + 12, true), 0);
  }
  for (; at < to; at++) crc = entry((crc ^ (bytes[at] as number)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Four bytes, the first in the lowest bits; the last one's table starts at `table`. */
const word = (bytes: number, table: number): number =>
  entry(table + 768 + (bytes & 0xff)) ^
  entry(table + 512 + ((bytes >>> 8) & 0xff)) ^
  entry(table + 256 + ((bytes >>> 16) & 0xff)) ^
  entry(table + (bytes >>> 24));

// The index is in range by construction: the assertion costs nothing at run time.
function entry(at: number): number {
  return tables[at] as number;
}

function buildTables(): Int32Array {
  const all = new Int32Array(STRIDE * 256);
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    all[value] = crc;
  }
  for (let at = 256; at < all.length; at++) {
    const crc = all[at - 256] as number;
    all[at] = (all[crc & 0xff] as number) ^ (crc >>> 8);
  }
  return all;
}
