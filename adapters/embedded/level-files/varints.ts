/** Reads what LevelDB encodes. Errors: `RangeError` behind the end. */
export class VarintReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get atEnd(): boolean {
    return this.#at >= this.#end;
  }

  /** Up to 2^53. */
  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes(1)[0] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  bytes(length: number): Buffer {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw new RangeError("read past the end");
    return this.#bytes.subarray(from, this.#at);
  }

  /** Bytes behind their length. */
  text(): Buffer {
    return this.bytes(this.number());
  }
}
