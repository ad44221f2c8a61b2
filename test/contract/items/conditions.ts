import { describe, expect, test } from "vitest";
import type { Condition } from "../../../core/ports/item-store.ts";
import { bytes, type ItemStoreFixture } from "./fixture.ts";

const ITEM = {
  n: 5,
  lim: 8,
  name: "mB7",
  blob: bytes(1, 2),
  frames: [bytes(1), bytes(2)],
  words: new Set(["a", "b"]),
  open: new Set([0, 1, 5]),
};

const HOLD: readonly Condition[] = [
  { op: "exists", name: "pk" },
  { op: "exists", name: "n" },
  { op: "absent", name: "other" },
  { op: "=", name: "n", value: 5 },
  { op: "=", name: "name", value: "mB7" },
  { op: "=", name: "blob", value: bytes(1, 2) },
  { op: "=", name: "frames", value: [bytes(1), bytes(2)] },
  { op: "=", name: "words", value: new Set(["b", "a"]) },
  { op: "=", name: "open", value: new Set([5, 0, 1]) },
  { op: "<", name: "n", value: 6 },
  { op: "<=", name: "n", value: 5 },
  { op: ">", name: "n", value: 4.5 },
  { op: "<", name: "name", value: "mC" },
  { op: ">", name: "name", value: "m" },
  { op: "lessThanAttribute", name: "n", other: "lim" },
  { op: "beginsWith", name: "name", prefix: "mB" },
  { op: "beginsWith", name: "sk", prefix: "" },
  { op: "contains", name: "words", value: "a" },
  { op: "contains", name: "open", value: 5 },
  { op: "contains", name: "name", value: "B7" },
  { op: "notContains", name: "words", value: "c" },
  { op: "notContains", name: "open", value: 2 },
  { op: "notContains", name: "open", value: "5" },
  { op: "notContains", name: "other", value: "a" },
];

const FAIL: readonly Condition[] = [
  { op: "absent", name: "pk" },
  { op: "exists", name: "other" },
  { op: "=", name: "n", value: 6 },
  { op: "=", name: "n", value: "5" },
  { op: "=", name: "other", value: 5 },
  { op: "=", name: "blob", value: bytes(1) },
  { op: "=", name: "frames", value: [bytes(2), bytes(1)] },
  { op: "=", name: "words", value: new Set(["a"]) },
  { op: "=", name: "open", value: new Set([0, 1, 6]) },
  { op: "<", name: "n", value: 5 },
  { op: "<=", name: "n", value: 4 },
  { op: ">", name: "n", value: 5 },
  { op: "<", name: "n", value: "6" },
  { op: "<=", name: "other", value: 5 },
  { op: ">", name: "other", value: 5 },
  { op: "lessThanAttribute", name: "lim", other: "n" },
  { op: "lessThanAttribute", name: "n", other: "n" },
  { op: "lessThanAttribute", name: "n", other: "other" },
  { op: "lessThanAttribute", name: "other", other: "n" },
  { op: "lessThanAttribute", name: "n", other: "name" },
  { op: "beginsWith", name: "name", prefix: "B" },
  { op: "beginsWith", name: "other", prefix: "m" },
  { op: "contains", name: "words", value: "c" },
  { op: "contains", name: "open", value: "5" },
  { op: "contains", name: "other", value: 1 },
  { op: "notContains", name: "words", value: "a" },
  { op: "notContains", name: "name", value: "B" },
];

const told = (condition: Condition): string =>
  JSON.stringify(condition, (_, value) => (value instanceof Set || value instanceof Uint8Array ? [...value] : value));

export function testConditions({ store, partition }: ItemStoreFixture): void {
  describe.each([
    ["holds", HOLD, true],
    ["fails", FAIL, false],
  ] as const)("%s", (_, conditions, ok) => {
    test.each(conditions.map((condition) => [told(condition), condition] as const))("%s", async (_told, condition) => {
      const item = { pk: partition(), sk: "0", ...ITEM };
      await store().put(item);
      expect(await store().put({ pk: item.pk, sk: "0", won: 1 }, { when: [condition] })).toEqual(
        ok ? { ok } : { ok, current: item },
      );
      expect(await store().get(item)).toEqual(ok ? { pk: item.pk, sk: "0", won: 1 } : item);
    });
  });

  test("against an absent item only absence, and what is not contained, holds", async () => {
    const key = { pk: partition(), sk: "0" };
    for (const when of [...HOLD, ...FAIL]) {
      const ok = when.op === "absent" || when.op === "notContains";
      expect(await store().delete(key, { when: [when] }), told(when)).toEqual(ok ? { ok } : { ok, current: undefined });
    }
  });

  test("a list holds when each does, and an empty one always", async () => {
    const item = { pk: partition(), sk: "0", n: 1, m: 1 };
    await store().put(item, { when: [] });
    const one = { op: "=", name: "n", value: 1 } as const;
    const two = { op: "=", name: "m", value: 2 } as const;
    expect(await store().delete(item, { when: [one, two] })).toEqual({ ok: false, current: item });
    expect(await store().delete(item, { when: [two, one] })).toEqual({ ok: false, current: item });
    expect(await store().delete(item, { when: [one] })).toEqual({ ok: true });
  });

  test("text compares as UTF-8, where the last plane comes after every other", async () => {
    const item = { pk: partition(), sk: "0", high: "\u{1F600}" };
    await store().put(item);
    expect(await store().delete(item, { when: [{ op: "<", name: "high", value: "\uFFFD" }] })).toMatchObject({ ok: false });
    expect(await store().delete(item, { when: [{ op: ">", name: "high", value: "\uFFFD" }] })).toMatchObject({ ok: true });
  });
}
