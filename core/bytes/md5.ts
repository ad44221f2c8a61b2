/** MD5 (RFC 1321), by which RocketMQ places clients and queues. It only tells texts apart, and keeps no secret. */

/** Bits of rotation: four for each round, taken in turn. */
const SHIFTS = Int32Array.of(7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21);
const SINES = Int32Array.from({ length: 64 }, (_, step) => Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32));
const BLOCK_BYTES = 64;
/** After the message: a one bit, and its length in bits. */
const TRAILER_BYTES = 9;

/** The 16-byte digest of `bytes`. Limit: 512 MB. */
export function md5(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((bytes.length + TRAILER_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length * 8, true);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  const words = new Int32Array(16);
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) {
    for (let word = 0; word < 16; word++) words[word] = view.getInt32(at + word * 4, true);
    addBlock(state, words);
  }
  for (let word = 0; word < 4; word++) view.setInt32(word * 4, entry(state, word), true);
  return padded.slice(0, 16);
}

function addBlock(state: Int32Array, words: Int32Array): void {
  let a = entry(state, 0);
  let b = entry(state, 1);
  let c = entry(state, 2);
  let d = entry(state, 3);
  for (let step = 0; step < 64; step++) {
    const round = step >> 4;
    const sum = (a + mix(round, b, c, d) + entry(SINES, step) + entry(words, wordOf(round, step))) | 0;
    const shift = entry(SHIFTS, (round << 2) | (step & 3));
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  state[0] = entry(state, 0) + a;
  state[1] = entry(state, 1) + b;
  state[2] = entry(state, 2) + c;
  state[3] = entry(state, 3) + d;
}

function mix(round: number, b: number, c: number, d: number): number {
  if (round === 0) return (b & c) | (~b & d);
  if (round === 1) return (d & b) | (~d & c);
  return round === 2 ? b ^ c ^ d : c ^ (b | ~d);
}

function wordOf(round: number, step: number): number {
  if (round === 0) return step;
  if (round === 1) return (5 * step + 1) & 15;
  return (round === 2 ? 3 * step + 5 : 7 * step) & 15;
}

// Every index is in range by construction: the assertion costs nothing at run time.
const entry = (table: Int32Array, at: number): number => table[at] as number;
