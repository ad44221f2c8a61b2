import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64urlToNumber, fromBase64url, numberToBase64url, toBase64url } from "../../../core/bytes/base64url.ts";
import { ByteReader } from "../../../core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../core/bytes/byte-writer.ts";
import { crc32c } from "../../../core/bytes/crc32c.ts";
import { hash32 } from "../../../core/bytes/hash32.ts";

describe("crc32c", () => {
  it("gives the vectors of RFC 3720 §B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("is that of its definition, for any part of any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(40), fc.nat(40), (bytes, skip, cut) => {
        const from = Math.min(skip, bytes.length);
        const to = Math.max(from, bytes.length - cut);
        let crc = 0xffffffff;
        for (const byte of bytes.subarray(from, to)) {
          crc ^= byte;
          for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
        }
        expect(crc32c(bytes, from, to)).toBe(~crc >>> 0);
      }),
    );
  });

  it("notices every single changed bit", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, bit) => {
        const changed = bytes.slice();
        const at = bit % (bytes.length * 8);
        changed[at >> 3] = (changed[at >> 3] as number) ^ (1 << (at & 7));
        return crc32c(changed) !== crc32c(bytes);
      }),
    );
  });
});

describe("base64url", () => {
  it("is what Node writes, and reads it back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = toBase64url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString("base64url"));
        expect(fromBase64url(text)).toEqual(bytes);
      }),
    );
  });

  it("reads nothing it would not have written", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bytes = fromBase64url(text);
        return bytes === undefined || toBase64url(bytes) === text;
      }),
    );
    for (const text of ["A", "AB=", "A+", "A/", "AB", "é", "AAAA "]) expect(fromBase64url(text), text).toBeUndefined();
  });

  it("holds numbers in a fixed width, in order", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1), (a, b) => {
        expect(base64urlToNumber(numberToBase64url(a * 2048, 8))).toBe(a * 2048);
        expect(numberToBase64url(b, 6)).toHaveLength(6);
      }),
    );
    expect(base64urlToNumber("~")).toBeNaN();
  });
});

describe("byte writer and reader", () => {
  it("read back what was written", () => {
    const parts = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant("text" as const), value: fc.string({ unit: "grapheme", maxLength: 300 }) }),
        fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
        fc.record({ kind: fc.constant("zigzag" as const), value: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }) }),
        fc.record({ kind: fc.constant("u48" as const), value: fc.nat(2 ** 31).map((value) => value * 65_536) }),
      ),
    );
    fc.assert(
      fc.property(parts, (written) => {
        const out = new ByteWriter(1);
        for (const part of written) {
          if (part.kind === "text") out.text(part.value);
          else out[part.kind](part.value);
        }
        const reader = new ByteReader(out.view());
        for (const part of written) expect(part.kind === "text" ? reader.text() : reader[part.kind]()).toBe(part.value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it("never reads past the end", () => {
    expect(() => new ByteReader(new Uint8Array(3)).u32()).toThrow(RangeError);
    expect(() => new ByteReader(Uint8Array.of(200)).varint()).toThrow(RangeError);
    expect(() => new ByteReader(new Uint8Array(10).fill(255)).varint()).toThrow(RangeError);
  });
});

it("hash32 stays as it is: queues of message groups depend on it", () => {
  expect(["", "a", "order-1", "日本"].map(hash32)).toEqual([2872998923, 444641715, 2449496732, 236567117]);
});
