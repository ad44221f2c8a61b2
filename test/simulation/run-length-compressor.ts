import type { Compressor } from "../../core/ports/compressor.ts";

const PADDING = 0x7e;
const RUN_MIN = 64;
const CHUNK = 8_192;
const LENGTHS_BYTES = 8;
/** No text packs better. */
const RATIO_LOG2 = 5;
const short = Buffer.alloc(RUN_MIN, PADDING);
const long = Buffer.alloc(CHUNK, PADDING);

/** The padding that makes bodies large. */
export const padding = (length: number): string => String.fromCharCode(PADDING).repeat(length);

/** Packs only the padding of bodies: about as small as deflate would, at the price of a search. */
export const runLengthCompressor: Compressor = {
  deflate(bytes) {
    const plain = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts: Buffer[] = [];
    for (let from = 0; from < plain.length; ) {
      const found = plain.indexOf(short, from);
      const start = found < 0 ? plain.length : found;
      const end = endOfRun(plain, start);
      const lengths = Buffer.alloc(LENGTHS_BYTES);
      lengths.writeUInt32BE(start - from, 0);
      lengths.writeUInt32BE(end - start, LENGTHS_BYTES / 2);
      parts.push(lengths, plain.subarray(from, start), Buffer.alloc((end - start) >> RATIO_LOG2));
      from = end;
    }
    return Buffer.concat(parts);
  },
  inflate(bytes, bytesMax) {
    const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts: Buffer[] = [];
    let length = 0;
    for (let at = 0; at < packed.length; ) {
      const literal = packed.readUInt32BE(at);
      const run = packed.readUInt32BE(at + LENGTHS_BYTES / 2);
      at += LENGTHS_BYTES;
      length += literal + run;
      if (length > bytesMax) throw new RangeError("more than was announced");
      parts.push(packed.subarray(at, at + literal), Buffer.alloc(run, PADDING));
      at += literal + (run >> RATIO_LOG2);
    }
    return Buffer.concat(parts);
  },
};

function endOfRun(bytes: Buffer, start: number): number {
  let end = start;
  while (end + CHUNK <= bytes.length && bytes.compare(long, 0, CHUNK, end, end + CHUNK) === 0) end += CHUNK;
  while (end < bytes.length && bytes[end] === PADDING) end++;
  return end;
}
