import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { corruptPart, decoding, type PartName } from "./segment-format.ts";

/** That a message has a key with this hash. Whoever finds it reads the message, and compares. */
export interface KeyEntry {
  /** 40 bits. */
  readonly hash: number;
  /** The place of its run in the segment's directory. */
  readonly run: number;
  readonly offset: number;
  /** `undefined`: over 49 days after the segment's first message; the message says when. */
  readonly storedAtMs: number | undefined;
}

/** Part of the keys, from a chunk on: what was asked for of a segment whose first message was stored at `storedFromMs`. */
export interface KeyRange {
  readonly firstChunk: number;
  readonly byteLength: number;
  readonly storedFromMs: number;
}

const ENTRY_BYTES = 17;
const CHUNK_ENTRIES = 240;
const NUMBER_BYTES = 4;
const CRC_BYTES = 4;
const LATER = 2 ** 32 - 1;
/** Of every chunk but the last: chunk `n` begins `n` times as many bytes behind the first. */
export const KEY_CHUNK_BYTES = NUMBER_BYTES + CHUNK_ENTRIES * ENTRY_BYTES + CRC_BYTES;
export const KEY_HASH_MAX = 2 ** 40 - 1;

export function keySectionBytes(entries: number): number {
  return entries * ENTRY_BYTES + Math.ceil(entries / CHUNK_ENTRIES) * (NUMBER_BYTES + CRC_BYTES);
}

/** Entries in any order, whose times are known. */
export function encodeKeys(entries: readonly (KeyEntry & { readonly storedAtMs: number })[], storedFromMs: number): Uint8Array {
  const sorted = [...entries].sort((one, other) => one.hash - other.hash || one.run - other.run || other.offset - one.offset);
  const out = new ByteWriter(keySectionBytes(sorted.length));
  for (let first = 0; first < sorted.length; first += CHUNK_ENTRIES) {
    const from = out.length;
    out.u32(first / CHUNK_ENTRIES);
    for (const { hash, run, offset, storedAtMs } of sorted.slice(first, first + CHUNK_ENTRIES)) {
      out.u8(Math.floor(hash / 2 ** 32));
      out.u32(hash % 2 ** 32);
      out.u16(run);
      out.u48(offset);
      out.u32(Math.min(LATER, storedAtMs - storedFromMs));
    }
    out.u32(crc32c(out.view(), from));
  }
  return out.view();
}

/** Chunks of a segment's keys that follow one another. */
export class KeySlice {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #storedFromMs: number;

  /** Errors: `StoreCorrupt`, which names the segment, for bytes that are not the chunks that were asked for. */
  constructor(bytes: Uint8Array, { firstChunk, byteLength, storedFromMs }: KeyRange, objectKey: string) {
    const part = { what: `the keys from chunk ${firstChunk} on`, objectKey };
    if (bytes.length !== byteLength) throw corruptPart(part, "have another length");
    const chunks = Math.ceil(bytes.length / KEY_CHUNK_BYTES);
    for (let index = 0; index < chunks; index++) {
      checkChunk(bytes.subarray(index * KEY_CHUNK_BYTES, (index + 1) * KEY_CHUNK_BYTES), firstChunk + index, part);
    }
    this.count = (bytes.length - chunks * (NUMBER_BYTES + CRC_BYTES)) / ENTRY_BYTES;
    this.#bytes = bytes;
    this.#storedFromMs = storedFromMs;
  }

  /** The hash of entry `index`: those before it have no greater one. */
  hashAt(index: number): number {
    const reader = this.#at(index);
    return reader.u8() * 2 ** 32 + reader.u32();
  }

  /** All with this hash, by run, the newest first. There may be more where the first or the last of the slice is one. */
  entriesOf(hash: number): readonly KeyEntry[] {
    const entries: KeyEntry[] = [];
    for (let index = this.#firstFrom(hash); index < this.count && this.hashAt(index) === hash; index++)
      entries.push(this.#entry(index));
    return entries;
  }

  #entry(index: number): KeyEntry {
    const reader = this.#at(index);
    const hash = reader.u8() * 2 ** 32 + reader.u32();
    const [run, offset, laterMs] = [reader.u16(), reader.u48(), reader.u32()];
    return { hash, run, offset, storedAtMs: laterMs === LATER ? undefined : this.#storedFromMs + laterMs };
  }

  /** How many have a smaller hash. */
  #firstFrom(hash: number): number {
    let low = 0;
    for (let high = this.count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (this.hashAt(middle) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #at(index: number): ByteReader {
    const chunk = Math.floor(index / CHUNK_ENTRIES);
    return new ByteReader(this.#bytes, chunk * KEY_CHUNK_BYTES + NUMBER_BYTES + (index % CHUNK_ENTRIES) * ENTRY_BYTES);
  }
}

function checkChunk(chunk: Uint8Array, number: number, part: PartName): void {
  decoding(part, () => {
    const end = chunk.length - CRC_BYTES;
    if ((end - NUMBER_BYTES) % ENTRY_BYTES !== 0) throw corruptPart(part, "are cut short");
    if (new ByteReader(chunk, end).u32() !== crc32c(chunk, 0, end)) throw corruptPart(part, "have a wrong checksum");
    if (new ByteReader(chunk).u32() !== number) throw corruptPart(part, "are other keys");
  });
}
