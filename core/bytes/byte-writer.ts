const encoder = new TextEncoder();

/** Appends to a buffer that grows by doubling. Integers are big-endian; varints are LEB128, for 0 … 2^53 − 1. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far: a view, valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value: number): void {
    this.#space(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.u8(value >>> 8);
    this.u8(value);
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  u48(value: number): void {
    this.u16(Math.floor(value / 2 ** 32));
    this.u32(value % 2 ** 32);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.u8((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.u8(rest);
  }

  /** A signed varint, small for small magnitudes. */
  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  raw(bytes: Uint8Array): void {
    this.#space(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** UTF-8 behind its length in bytes. */
  text(value: string): void {
    const most = value.length * 3;
    this.#space(most + 5);
    const prefix = most < 128 ? 1 : varintBytes(most);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#length + prefix));
    const at = this.#length;
    // The length gets as many bytes as the longest encoding needs, so that the text is written once, in place.
    let rest = written;
    for (let index = 0; index < prefix - 1; index++) {
      this.#bytes[at + index] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[at + prefix - 1] = rest;
    this.#length += prefix + written;
  }

  #space(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
