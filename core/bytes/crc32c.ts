/** CRC-32C (Castagnoli, RFC 3720 §B.4), eight table look-ups for eight bytes: every frame is checked with it, on write and on read. */

const POLYNOMIAL = 0x82f63b78;
const tables = buildTables();

export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let crc = 0xffffffff;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    crc ^= byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16) | (byte(bytes, at + 3) << 24);
    crc =
      entry(t7, crc & 0xff) ^
      entry(t6, (crc >>> 8) & 0xff) ^
      entry(t5, (crc >>> 16) & 0xff) ^
      entry(t4, crc >>> 24) ^
      entry(t3, byte(bytes, at + 4)) ^
      entry(t2, byte(bytes, at + 5)) ^
      entry(t1, byte(bytes, at + 6)) ^
      entry(t0, byte(bytes, at + 7));
  }
  for (; at < to; at++) crc = entry(t0, (crc ^ byte(bytes, at)) & 0xff) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Both indices are in range by construction: the assertions cost nothing at run time.
const byte = (bytes: Uint8Array, at: number): number => bytes[at] as number;
function entry(table: Int32Array, at: number): number {
  return table[at] as number;
}

type Tables = [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

function buildTables(): Tables {
  const all = Array.from({ length: 8 }, () => new Int32Array(256)) as Tables;
  for (let value = 0; value < 256; value++) {
    let crc = value;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    all[0][value] = crc;
  }
  for (let slice = 1; slice < 8; slice++) {
    const previous = all[slice - 1] as Int32Array;
    const table = all[slice] as Int32Array;
    for (let value = 0; value < 256; value++) {
      const crc = entry(previous, value);
      table[value] = entry(all[0], crc & 0xff) ^ (crc >>> 8);
    }
  }
  return all;
}
