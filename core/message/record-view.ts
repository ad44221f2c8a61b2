import { ByteReader } from "../bytes/byte-reader.ts";
import { HAS } from "./record-codec.ts";

const KEYS = "KEYS";
const encoder = new TextEncoder();

/**
 * Reads the tag, a property, the message group or the names of each record of a batch, one after the other, from its encoded form
 * (`record-codec`): nothing else is decoded, and the body is not touched. Before the first `next` there is no record.
 * Errors: for malformed records those of `readRecord`: `RangeError` or, for text that is not UTF-8, `TypeError`.
 */
export class RecordView {
  readonly #records: Uint8Array;
  #from = 0;
  #end = 0;
  #at = 0;
  /** The requested names in stored form. One filter requests few. */
  #names: Map<string, Uint8Array> | undefined;

  constructor(records: Uint8Array) {
    this.#records = records;
  }

  /** Goes on to the next record; false after the last. */
  next(): boolean {
    if (this.#end === this.#records.length) return false;
    this.#at = this.#end;
    this.#end = this.#records.length;
    const length = this.#varint();
    this.#from = this.#at;
    if (length > this.#end - this.#from) throw new RangeError("read past the end");
    this.#end = this.#from + length;
    return true;
  }

  /** Whether the record has keys, or an id of its own. */
  get hasNames(): boolean {
    return (this.#enter() & (HAS.id | HAS.keys)) !== 0;
  }

  /** The id, unless it follows from the frame. */
  get ownId(): string | undefined {
    return this.#enter() & HAS.id ? this.#text() : undefined;
  }

  get keys(): readonly string[] {
    const flags = this.#enter();
    if (!(flags & HAS.keys)) return [];
    if (flags & HAS.id) this.#skipText();
    if (flags & HAS.tag) this.#skipText();
    return this.#keys();
  }

  get tag(): string | undefined {
    const flags = this.#enter();
    if (!(flags & HAS.tag)) return undefined;
    if (flags & HAS.id) this.#skipText();
    return this.#text();
  }

  /** A property as the producer set it, or `KEYS`: the keys, separated by spaces. */
  property(name: string): string | undefined {
    const flags = this.#enter();
    if (flags & HAS.id) this.#skipText();
    if (flags & HAS.tag) this.#skipText();
    if (name === KEYS) return flags & HAS.keys ? this.#keys().join(" ") : undefined;
    if (flags & HAS.keys) for (let left = this.#varint(); left > 0; left--) this.#skipText();
    return flags & HAS.properties && this.#find(this.#encoded(name)) ? this.#text() : undefined;
  }

  get messageGroup(): string | undefined {
    const flags = this.#enter();
    if (!(flags & HAS.messageGroup)) return undefined;
    if (flags & HAS.id) this.#skipText();
    if (flags & HAS.tag) this.#skipText();
    if (flags & HAS.keys) for (let left = this.#varint(); left > 0; left--) this.#skipText();
    if (flags & HAS.properties) for (let left = 2 * this.#varint(); left > 0; left--) this.#skipText();
    return this.#text();
  }

  #keys(): readonly string[] {
    return Array.from({ length: this.#varint() }, () => this.#text());
  }

  /** Stops before the value of the property, if there is one of this name. */
  #find(name: Uint8Array): boolean {
    for (let left = this.#varint(); left > 0; left--) {
      const length = this.#varint();
      const from = this.#at;
      this.#at += length;
      if (length === name.length && this.#equals(name, from)) return true;
      this.#skipText();
    }
    return false;
  }

  #equals(name: Uint8Array, from: number): boolean {
    for (let index = 0; index < name.length; index++) if (this.#records[from + index] !== name[index]) return false;
    return true;
  }

  #encoded(name: string): Uint8Array {
    this.#names ??= new Map();
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const bytes = encoder.encode(name);
    this.#names.set(name, bytes);
    return bytes;
  }

  /** Skips flags and born time. */
  #enter(): number {
    this.#at = this.#from;
    const flags = this.#u8();
    this.#varint();
    return flags;
  }

  #u8(): number {
    if (this.#at >= this.#end) throw new RangeError("read past the end");
    return this.#records[this.#at++] as number;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** May end past the end, where nothing can be read. */
  #skipText(): void {
    const length = this.#varint();
    this.#at += length;
  }

  #text(): string {
    const reader = new ByteReader(this.#records, this.#at, this.#end);
    const text = reader.text();
    this.#at = reader.position;
    return text;
  }
}
