import { describe, expect, test } from "vitest";
import type { Change, Item, Key } from "../../../core/ports/item-store.ts";
import { StoreMisuse } from "../../../core/ports/store-failures.ts";
import { bytes, type ItemStoreFixture, returned } from "./fixture.ts";

export function testUpdates({ store, partition }: ItemStoreFixture): void {
  const created = async (attributes: Record<string, Item[string]>): Promise<Key & Item> => {
    const item = { pk: partition(), sk: "0", ...attributes };
    await store().put(item);
    return item;
  };

  test("creates an absent item", async () => {
    const key = { pk: partition(), sk: "0" };
    const result = await store().update(
      key,
      [
        { op: "set", name: "n", value: 1 },
        { op: "addToSet", name: "w", values: new Set(["a"]) },
        { op: "remove", name: "none" },
        { op: "deleteFromSet", name: "o", values: new Set([1]) },
      ],
      { returning: "allNew" },
    );
    expect(returned(result)).toEqual({ ...key, n: 1, w: new Set(["a"]) });
  });

  test("changes what it names and keeps the rest", async () => {
    const key = await created({ n: 1, kept: "k", gone: "g", list: [bytes(1)], set: new Set([1, 2]) });
    const { pk, sk } = key;
    await store().update({ pk, sk }, [
      { op: "increment", name: "n", by: -3 },
      { op: "remove", name: "gone" },
      { op: "append", name: "list", values: [bytes(2), bytes(3)] },
      { op: "addToSet", name: "set", values: new Set([2, 3]) },
      { op: "set", name: "new", value: "v" },
    ]);
    expect(await store().get({ pk, sk })).toEqual({
      pk,
      sk,
      n: -2,
      kept: "k",
      list: [bytes(1), bytes(2), bytes(3)],
      set: new Set([1, 2, 3]),
      new: "v",
    });
  });

  test("that changes nothing makes sure that the item exists", async () => {
    const key = { pk: partition(), sk: "0" };
    expect(await store().update(key, [], { returning: "allNew" })).toEqual({ ok: true, item: key });
    await store().put({ ...key, n: 1 });
    expect(await store().update(key, [], { returning: "allNew" })).toEqual({ ok: true, item: { ...key, n: 1 } });
  });

  test("every action reads the item as it was", async () => {
    const { pk, sk } = await created({ a: 1, b: 2, c: 3 });
    const result = await store().update(
      { pk, sk },
      [
        { op: "increment", name: "a", by: 10 },
        { op: "copy", name: "b", from: "a" },
        { op: "copy", name: "d", from: "c" },
        { op: "remove", name: "c" },
      ],
      { returning: "allNew" },
    );
    expect(returned(result)).toEqual({ pk, sk, a: 11, b: 1, d: 3 });
  });

  test("a set that empties is removed; taking from an absent one changes nothing", async () => {
    const { pk, sk } = await created({ set: new Set([1, 2]) });
    await store().update({ pk, sk }, [
      { op: "deleteFromSet", name: "set", values: new Set([1, 2, 3]) },
      { op: "deleteFromSet", name: "absent", values: new Set(["a"]) },
    ]);
    expect(await store().get({ pk, sk })).toEqual({ pk, sk });
  });

  test("returns the item before, the item after, or nothing", async () => {
    const { pk, sk } = await created({ n: 1 });
    const increment: Change[] = [{ op: "increment", name: "n", by: 1 }];
    expect(await store().update({ pk, sk }, increment, { returning: "allOld" })).toEqual({ ok: true, item: { pk, sk, n: 1 } });
    expect(await store().update({ pk, sk }, increment, { returning: "allNew" })).toEqual({ ok: true, item: { pk, sk, n: 3 } });
    expect(await store().update({ pk, sk }, increment)).toEqual({ ok: true });
    expect(await store().put({ pk, sk, n: 9 }, { returning: "allOld" })).toEqual({ ok: true, item: { pk, sk, n: 4 } });
    expect(await store().put({ pk, sk, n: 9 }, { returning: "allNew" })).toEqual({ ok: true, item: { pk, sk, n: 9 } });
    expect(await store().delete({ pk, sk }, { returning: "allOld" })).toEqual({ ok: true, item: { pk, sk, n: 9 } });
    expect(await store().delete({ pk, sk }, { returning: "allOld" })).toEqual({ ok: true, item: undefined });
  });

  describe("misuse is refused and changes nothing", () => {
    const misuses: readonly (readonly [string, readonly Change[]])[] = [
      ["increment of an absent attribute", [{ op: "increment", name: "none", by: 1 }]],
      ["increment of text", [{ op: "increment", name: "text", by: 1 }]],
      ["copy of an absent attribute", [{ op: "copy", name: "a", from: "none" }]],
      ["append to an absent list", [{ op: "append", name: "none", values: [bytes(1)] }]],
      ["append to a number", [{ op: "append", name: "n", values: [bytes(1)] }]],
      ["adding text to a set of numbers", [{ op: "addToSet", name: "set", values: new Set(["a"]) }]],
      ["adding to a number", [{ op: "addToSet", name: "n", values: new Set([1]) }]],
      ["taking text from a set of numbers", [{ op: "deleteFromSet", name: "set", values: new Set(["a"]) }]],
      ["adding nothing", [{ op: "addToSet", name: "set", values: new Set<number>() }]],
      ["an empty set", [{ op: "set", name: "a", value: new Set<string>() }]],
      ["a new pk", [{ op: "set", name: "pk", value: "other" }]],
      ["a new sk", [{ op: "set", name: "sk", value: "other" }]],
      [
        "two actions on one attribute",
        [
          { op: "set", name: "a", value: 1 },
          { op: "remove", name: "a" },
        ],
      ],
    ];
    test.each(misuses)("%s", async (_, changes) => {
      const item = await created({ n: 1, text: "t", set: new Set([1]), list: [bytes(1)] });
      const also: Change = { op: "set", name: "effect", value: 1 };
      await expect(store().update({ pk: item.pk, sk: item.sk }, [also, ...changes])).rejects.toThrow(StoreMisuse);
      expect(await store().get(item)).toEqual(item);
    });

    test("but a condition that fails is the answer, before anything else is looked at", async () => {
      const key = { pk: partition(), sk: "0" };
      const result = await store().update(key, [{ op: "increment", name: "n", by: 1 }], { when: [{ op: "exists", name: "pk" }] });
      expect(result).toEqual({ ok: false, current: undefined });
    });
  });
}
