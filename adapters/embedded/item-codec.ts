import { crc32 } from "node:zlib";
import type { Attribute, Item, Key } from "../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../core/ports/store-failures.ts";
import { itemKey } from "./stored-keys.ts";

/**
 * Stored form of an item, without its key:
 *
 *   item    = version:u8=2 crc:u32be attribute*      crc: CRC-32 of the key as it is stored, then of the attributes' bytes
 *           | version:u8=1 crc:u32be attribute*      the crc without the key: read, no longer written
 *   attribute = name:text tag:u8 value               in the order the item has them
 *   value   = text                                   tag 1, string
 *           | varint                                 tag 2, integer 0 … 2^48 - 1
 *           | f64be                                  tag 3, any other number
 *           | length:varint bytes                    tag 4, bytes
 *           | count:varint (length:varint bytes)*    tag 5, list of bytes
 *           | count:varint text*                     tag 6, set of strings
 *           | count:varint varint*                   tag 7, set of integers 0 … 2^48 - 1
 *           | count:varint f64be*                    tag 8, set of numbers, one of them other
 *   text    = length:varint utf8
 *   varint  = LEB128
 */
const VERSION = 2;
const VERSION_WITHOUT_KEY = 1;
const HEADER_BYTES = 5;
const TAG = { text: 1, integer: 2, float: 3, bytes: 4, list: 5, texts: 6, integers: 7, floats: 8 } as const;
const INTEGER_END = 2 ** 48;
const VARINT_BYTES_MAX = 7;

/** Encodes items one behind the other. The bytes that `encode` returns stay valid until `reset`. */
export class ItemEncoder {
  #buffer: Buffer;
  #start = 0;
  #at = 0;

  constructor(capacity: number) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  /** Reuses the memory of all items encoded so far. */
  reset(): void {
    this.#at = 0;
  }

  encode(item: Item): Uint8Array {
    this.#start = this.#at;
    this.#room(HEADER_BYTES);
    this.#at += HEADER_BYTES;
    for (const name in item) {
      if (name === "pk" || name === "sk") continue;
      this.#text(name);
      this.#value(item[name] as Attribute);
    }
    const encoded = this.#buffer.subarray(this.#start, this.#at);
    encoded[0] = VERSION;
    encoded.writeUInt32BE(crc32(encoded.subarray(HEADER_BYTES), crc32(itemKey(item))), 1);
    return encoded;
  }

  #value(value: Attribute): void {
    if (typeof value === "string") {
      this.#tag(TAG.text);
      this.#text(value);
    } else if (typeof value === "number") {
      const integer = isInteger(value);
      this.#tag(integer ? TAG.integer : TAG.float);
      this.#number(value, integer);
    } else if (value instanceof Uint8Array) {
      this.#tag(TAG.bytes);
      this.#bytes(value);
    } else if (Array.isArray(value)) {
      this.#tag(TAG.list);
      this.#varint(value.length);
      for (const element of value) this.#bytes(element);
    } else this.#set(value as ReadonlySet<string | number>);
  }

  #set(members: ReadonlySet<string | number>): void {
    let texts = false;
    let integers = true;
    for (const member of members) {
      if (typeof member === "string") texts = true;
      else if (!isInteger(member)) integers = false;
    }
    this.#tag(texts ? TAG.texts : integers ? TAG.integers : TAG.floats);
    this.#varint(members.size);
    for (const member of members) {
      if (typeof member === "string") this.#text(member);
      else this.#number(member, integers);
    }
  }

  #number(value: number, integer: boolean): void {
    if (integer) {
      this.#varint(value);
      return;
    }
    this.#room(8);
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  #tag(tag: number): void {
    this.#room(1);
    this.#buffer[this.#at++] = tag;
  }

  #varint(value: number): void {
    this.#room(VARINT_BYTES_MAX);
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#buffer[this.#at++] = (rest % 128) | 128;
    this.#buffer[this.#at++] = rest;
  }

  #bytes(bytes: Uint8Array): void {
    this.#varint(bytes.length);
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #text(text: string): void {
    // Names, ids and packed texts are short and ASCII. For them this loop is several times faster than a call into native code.
    if (text.length < 40) {
      this.#room(1 + text.length);
      const start = this.#at;
      let at = start + 1;
      for (let index = 0; index < text.length; index++) {
        const unit = text.charCodeAt(index);
        if (unit > 127) {
          at = -1;
          break;
        }
        this.#buffer[at++] = unit;
      }
      if (at !== -1) {
        this.#buffer[start] = text.length;
        this.#at = at;
        return;
      }
    }
    const length = Buffer.byteLength(text);
    this.#varint(length);
    this.#room(length);
    this.#at += this.#buffer.write(text, this.#at, length, "utf8");
  }

  /** Moves the current item to a larger buffer if it does not fit. Finished items stay where they are. */
  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const begun = this.#buffer.subarray(this.#start, this.#at);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length, 2 * (begun.length + bytes)));
    this.#buffer.set(begun);
    this.#start = 0;
    this.#at = begun.length;
  }
}

const isInteger = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < INTEGER_END;

/** The item; its bytes are views of `bytes`. Errors: `StoreCorrupt` with the key. */
export function decodeItem(key: Key, bytes: Uint8Array): Item {
  const encoded = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const version = encoded[0] ?? 0;
  if (version > VERSION) {
    const message = `an item of format ${version}, which a newer version wrote; this one reads formats up to ${VERSION}`;
    throw new StoreCorrupt(message, { key });
  }
  if (version < VERSION_WITHOUT_KEY || encoded.length < HEADER_BYTES)
    throw new StoreCorrupt("an item without its header", { key });
  const seed = version === VERSION_WITHOUT_KEY ? 0 : crc32(itemKey(key));
  if (crc32(encoded.subarray(HEADER_BYTES), seed) !== encoded.readUInt32BE(1)) {
    throw new StoreCorrupt("an item fails its checksum", { key });
  }
  const item: Record<string, Attribute> & Key = { pk: key.pk, sk: key.sk };
  const reader = new ItemReader(encoded, HEADER_BYTES);
  try {
    while (!reader.atEnd) item[reader.text()] = reader.value();
  } catch (error) {
    throw new StoreCorrupt("an item that cannot be read", { cause: error, key });
  }
  return item;
}

class ItemReader {
  readonly #buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.#at = at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#buffer.length;
  }

  text(): string {
    const length = this.#varint();
    const start = this.#skip(length);
    return this.#buffer.toString("utf8", start, start + length);
  }

  value(): Attribute {
    const tag = this.#buffer[this.#skip(1)];
    switch (tag) {
      case TAG.text:
        return this.text();
      case TAG.integer:
        return this.#varint();
      case TAG.float:
        return this.#float();
      case TAG.bytes:
        return this.#bytes();
      case TAG.list:
        return Array.from({ length: this.#varint() }, () => this.#bytes());
      case TAG.texts:
        return this.#set(() => this.text());
      case TAG.integers:
        return this.#set(() => this.#varint());
      case TAG.floats:
        return this.#set(() => this.#float());
      default:
        throw new RangeError(`unknown tag ${tag}`);
    }
  }

  #set<T>(next: () => T): ReadonlySet<T> {
    const members = new Set<T>();
    for (let left = this.#varint(); left > 0; left--) members.add(next());
    return members;
  }

  #float(): number {
    return this.#buffer.readDoubleBE(this.#skip(8));
  }

  #bytes(): Uint8Array {
    const length = this.#varint();
    return new Uint8Array(this.#buffer.buffer, this.#buffer.byteOffset + this.#skip(length), length);
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#buffer[this.#skip(1)] as number;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  #skip(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#buffer.length) throw new RangeError("read past the end");
    return at;
  }
}
