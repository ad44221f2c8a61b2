import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { crc32c } from "../bytes/crc32c.ts";
import { KEY_HASH_MAX } from "../message/key-hash.ts";
import { StoreMisuse } from "../ports/store-failures.ts";
import { byNewest, type Position } from "../query/position.ts";
import { corruptPart, decoding, type PartName } from "./segment-format.ts";

/** That a message has a key, or an id, with this hash. Whoever finds it reads the message, and compares. The topic is in the hash. */
export interface KeyEntry extends Position {
  /** 40 bits. */
  readonly hash: number;
}

/** Part of the keys of an object: from a chunk on. */
export interface KeyRange {
  readonly firstChunk: number;
  readonly byteLength: number;
}

const ENTRY_BYTES = 18;
const NUMBER_BYTES = 4;
const CRC_BYTES = 4;
export const CHUNK_ENTRIES = 227;
/** Of every chunk but the last: chunk `n` begins `n` times as many bytes behind the first. */
export const KEY_CHUNK_BYTES = NUMBER_BYTES + CHUNK_ENTRIES * ENTRY_BYTES + CRC_BYTES;

export function keySectionBytes(entries: number): number {
  return entries * ENTRY_BYTES + Math.ceil(entries / CHUNK_ENTRIES) * (NUMBER_BYTES + CRC_BYTES);
}

/** The order of the keys of an object: by hash, and then the newest message first. */
export const compareKeys = (one: KeyEntry, other: KeyEntry): number => one.hash - other.hash || byNewest(one, other);

/** Entries in order. */
export function encodeKeys(entries: readonly KeyEntry[]): Uint8Array {
  const writer = new KeyWriter(entries.length);
  for (const entry of entries) writer.append(entry);
  return writer.end();
}

/** Writes keys whose entries come in order. */
export class KeyWriter {
  readonly #out: ByteWriter;
  #count = 0;
  #chunkFrom = 0;
  #lowestHash = KEY_HASH_MAX;
  #last: KeyEntry | undefined;

  constructor(entries: number) {
    this.#out = new ByteWriter(keySectionBytes(entries));
  }

  get count(): number {
    return this.#count;
  }

  /** Of those that were written. */
  get lowestHash(): number {
    return this.#lowestHash;
  }

  /** Errors: `StoreMisuse` for an entry that belongs in front of the one before. */
  append(entry: KeyEntry): void {
    if (this.#last && compareKeys(this.#last, entry) > 0) throw new StoreMisuse("keys out of order");
    const out = this.#out;
    if (this.#count % CHUNK_ENTRIES === 0) {
      this.#endChunk();
      this.#chunkFrom = out.length;
      out.u32(this.#count / CHUNK_ENTRIES);
    }
    const { hash, storedAtMs, queueId, offset } = entry;
    if (this.#count === 0) this.#lowestHash = hash;
    out.u8(Math.floor(hash / 2 ** 32));
    out.u32(hash % 2 ** 32);
    out.u48(storedAtMs);
    out.u8(queueId);
    out.u48(offset);
    this.#count++;
    this.#last = entry;
  }

  /** Once. */
  end(): Uint8Array {
    this.#endChunk();
    return this.#out.view();
  }

  #endChunk(): void {
    if (this.#count > 0) this.#out.u32(crc32c(this.#out.view(), this.#chunkFrom));
  }
}

/** Chunks of an object's keys that follow one another. */
export class KeySlice {
  readonly count: number;
  readonly #bytes: Uint8Array;

  /** Errors: `StoreCorrupt`, which names the object, for bytes that are not the chunks that were asked for. */
  constructor(bytes: Uint8Array, { firstChunk, byteLength }: KeyRange, objectKey: string) {
    const part = { what: `the keys from chunk ${firstChunk} on`, objectKey };
    if (bytes.length !== byteLength) throw corruptPart(part, "have another length");
    const chunks = Math.ceil(bytes.length / KEY_CHUNK_BYTES);
    for (let index = 0; index < chunks; index++) {
      checkChunk(bytes.subarray(index * KEY_CHUNK_BYTES, (index + 1) * KEY_CHUNK_BYTES), firstChunk + index, part);
    }
    this.count = (bytes.length - chunks * (NUMBER_BYTES + CRC_BYTES)) / ENTRY_BYTES;
    this.#bytes = bytes;
  }

  entry(index: number): KeyEntry {
    const reader = this.#at(index);
    const hash = reader.u8() * 2 ** 32 + reader.u32();
    return { hash, storedAtMs: reader.u48(), queueId: reader.u8(), offset: reader.u48() };
  }

  /** How many entries come in front of this one, which may be none of them. */
  countBefore(entry: KeyEntry): number {
    let low = 0;
    for (let high = this.count; low < high; ) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.entry(middle), entry) < 0) low = middle + 1;
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
