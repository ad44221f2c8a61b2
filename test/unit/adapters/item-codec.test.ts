import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeItem, ItemEncoder } from "../../../adapters/embedded/item-codec.ts";
import type { Attribute, Item } from "../../../core/ports/item-store.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";

const KEY = { pk: "p", sk: "s" };
const encode = (item: Item): Uint8Array => Uint8Array.from(new ItemEncoder(16).encode(item));

const GOLDEN: Item = {
  ...KEY,
  s: "é",
  i: 300,
  d: -1.5,
  b: Uint8Array.of(0, 255),
  l: [Uint8Array.of(1), new Uint8Array(0)],
  w: new Set(["a", "bc"]),
  o: new Set([0, 128]),
  f: new Set([1, 0.5]),
};

const GOLDEN_ATTRIBUTES = [
  "0173" + "01" + "02c3a9",
  "0169" + "02" + "ac02",
  "0164" + "03" + "bff8000000000000",
  "0162" + "04" + "0200ff",
  "016c" + "05" + "02010100",
  "0177" + "06" + "020161026263",
  "016f" + "07" + "02008001",
  "0166" + "08" + "023ff00000000000003fe0000000000000",
].join("");

/** What each version has written. Append to it; never change it: such bytes are on disks. */
const GOLDEN_HEX: Readonly<Record<number, readonly (readonly [Item, string])[]>> = {
  1: [
    [KEY, "0100000000"],
    [GOLDEN, `017a7d8b61${GOLDEN_ATTRIBUTES}`],
  ],
  2: [
    [KEY, "02fa972f43"],
    [GOLDEN, `02cbe97538${GOLDEN_ATTRIBUTES}`],
  ],
};

describe("stored items", () => {
  test.each(GOLDEN_HEX[2] ?? [])("golden bytes %#", (item, hex) => {
    expect(Buffer.from(encode(item)).toString("hex")).toBe(hex);
  });

  test.each(Object.values(GOLDEN_HEX).flat())("golden bytes of every version are read %#", (item, hex) => {
    expect(decodeItem(KEY, Buffer.from(hex, "hex"))).toEqual(item);
  });

  test("under another key an item is not what was written", () => {
    expect(() => decodeItem({ pk: "p", sk: "t" }, encode(GOLDEN))).toThrow(
      expect.objectContaining({ name: "StoreCorrupt", key: { pk: "p", sk: "t" } }),
    );
  });

  const number = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  );
  const text = fc.string({ unit: "binary", maxLength: 60 }).filter((value) => value.isWellFormed());
  const binary = fc.uint8Array({ maxLength: 200 });
  const attribute: fc.Arbitrary<Attribute> = fc.oneof(
    text,
    number,
    binary,
    fc.array(binary, { maxLength: 5 }),
    fc.uniqueArray(text, { minLength: 1, maxLength: 5 }).map((members) => new Set(members)),
    fc.uniqueArray(number, { minLength: 1, maxLength: 20 }).map((members) => new Set(members)),
  );
  const item = fc
    .dictionary(
      text.filter((name) => name !== "" && name !== "__proto__"),
      attribute,
      { maxKeys: 20 },
    )
    .map((attributes): Item => ({ ...attributes, ...KEY }));

  test("any items come back, encoded one behind the other into one buffer", () => {
    const encoder = new ItemEncoder(64);
    fc.assert(
      fc.property(fc.array(item, { maxLength: 4 }), (items) => {
        encoder.reset();
        const encoded = items.map((each) => encoder.encode(each));
        expect(encoded.map((bytes) => decodeItem(KEY, bytes))).toEqual(items);
      }),
      { numRuns: 500 },
    );
  });

  test("any flipped bit, and any cut, is found out", () => {
    const encoded = encode(GOLDEN);
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const damaged = Uint8Array.from(encoded);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeItem(KEY, damaged)).toThrow(StoreCorrupt);
    }
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodeItem(KEY, encoded.subarray(0, length))).toThrow(StoreCorrupt);
    }
  });

  test("a newer version is refused by name", () => {
    const newer = encode(GOLDEN);
    newer[0] = 3;
    expect(() => decodeItem(KEY, newer)).toThrow(/format 3.*newer version.*formats up to 2/);
  });
});
