const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads what `ByteWriter` wrote. Throws `RangeError` at the end of the bytes: callers turn it into `StoreCorrupt` or a 400. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    if (this.#at >= this.#end) throw new RangeError("read past the end");
    return this.#bytes[this.#at++] as number;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16();
  }

  u48(): number {
    return this.u16() * 2 ** 32 + this.u32();
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 8; index++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 128;
    }
    throw new RangeError("number out of range");
  }

  zigzag(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    if (length > this.remaining) throw new RangeError("read past the end");
    const view = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return view;
  }

  seek(position: number): void {
    this.#at = position;
  }

  skip(length: number): void {
    if (length > this.remaining) throw new RangeError("read past the end");
    this.#at += length;
  }

  text(): string {
    return decodeText(this.raw(this.varint()));
  }
}

/** Reads short ASCII by hand, several times faster than the decoder. Nearly every tag, key and property is such text. */
function decodeText(bytes: Uint8Array): string {
  if (bytes.length > 24) return decoder.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at] as number;
    if (code > 127) return decoder.decode(bytes);
    text += String.fromCharCode(code);
  }
  return text;
}
