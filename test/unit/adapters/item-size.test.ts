import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareUtf8 } from "../../../adapters/items/attributes.ts";
import { applyChanges } from "../../../adapters/items/change.ts";
import { itemSize, sizeAfterChanges, utf8Length } from "../../../adapters/items/item-size.ts";
import type { Attribute, Change } from "../../../core/ports/item-store.ts";

const wellFormed = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());

describe("text as UTF-8", () => {
  test("is ordered as its bytes are", () => {
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  test("has as many bytes as are counted", () => {
    fc.assert(fc.property(wellFormed, (text) => utf8Length(text) === Buffer.byteLength(text)));
  });
});

describe("an item's size", () => {
  /** Beside `pk`, `sk` and the names' bytes. */
  const valueBytes = (value: Attribute): number => itemSize({ pk: "p", sk: "s", v: value }) - 7;

  test.each([
    [0, 1],
    [1, 2],
    [99, 2],
    [100, 2],
    [101, 3],
    [1_234, 3],
    [12_300, 3],
    [123_456, 4],
    [-1, 3],
    [-1_234, 4],
    [0.5, 2],
    [0.05, 2],
    [12.34, 3],
    [1.5, 3],
    [1e20, 2],
    [1.5e-7, 2],
    [Number.MAX_SAFE_INTEGER, 9],
  ])("the number %d takes %i", (value, size) => expect(valueBytes(value)).toBe(size));

  test("text, bytes, lists and sets", () => {
    expect(valueBytes("é")).toBe(2);
    expect(valueBytes(new Uint8Array(10))).toBe(10);
    expect(valueBytes([])).toBe(3);
    expect(valueBytes([new Uint8Array(10), new Uint8Array(5)])).toBe(3 + 11 + 6);
    expect(valueBytes(new Set(["a", "bc"]))).toBe(3);
    expect(valueBytes(new Set([0, 7, 300]))).toBe(1 + 2 + 2);
  });

  test("a claim of the group state takes what was reckoned for it", () => {
    const claim = { f0abc: 12_345_678, m0abc: "nonce1aaDUEDUE1", o0abc: new Set([0, 1, 2]) };
    expect(itemSize({ pk: "", sk: "", ...claim })).toBe(4 + (5 + 5) + (5 + 15) + (5 + 5));
  });

  test("after an update is what measuring it anew gives", () => {
    const changes: readonly Change[] = [
      { op: "increment", name: "n", by: 123 },
      { op: "set", name: "new", value: "text" },
      { op: "remove", name: "gone" },
      { op: "remove", name: "absent" },
      { op: "append", name: "f", values: [new Uint8Array(3)] },
      { op: "deleteFromSet", name: "o", values: new Set([1]) },
      { op: "copy", name: "copied", from: "kept" },
    ];
    const before = { pk: "p", sk: "s", n: 1, gone: "x", f: [new Uint8Array(2)], o: new Set([1]), kept: "kept" };
    const after = applyChanges(before, before, changes);
    expect(sizeAfterChanges(itemSize(before), before, after, changes)).toBe(itemSize(after));
    expect(sizeAfterChanges(0, undefined, before, [])).toBe(itemSize(before));
  });
});
