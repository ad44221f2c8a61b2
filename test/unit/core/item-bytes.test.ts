import fc from "fast-check";
import { expect, it } from "vitest";
import { itemSize } from "../../../adapters/items/item-size.ts";
import type { Attribute } from "../../../core/ports/item-store.ts";
import { itemBytes } from "../../../core/progress/item-bytes.ts";

const number = fc.oneof(fc.nat({ max: 1_000 }), fc.maxSafeNat());
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  fc.string({ unit: "binary-ascii" }),
  number,
  fc.uint8Array(),
  fc.array(number, { minLength: 1 }).map((members) => new Set(members)),
);

it("an item is taken to weigh what it is charged by, or a little more", () => {
  const attributes = fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), attribute);
  fc.assert(
    fc.property(attributes, (some) => {
      const item = { ...some, pk: "g#subscription#0", sk: "g" };
      const numbers = Object.values(some).flatMap((value) => (value instanceof Set ? [...value] : [value])).length;
      expect(itemBytes(item)).toBeGreaterThanOrEqual(itemSize(item));
      // Trailing zeros are not charged.
      expect(itemBytes(item)).toBeLessThanOrEqual(itemSize(item) + 8 * numbers);
    }),
  );
});
