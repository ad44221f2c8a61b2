import { expect, test } from "vitest";
import type { Item } from "../../../core/ports/item-store.ts";
import { StoreMisuse } from "../../../core/ports/store-failures.ts";
import { bytes, type ItemStoreFixture } from "./fixture.ts";

export function testLimits({ store, partition }: ItemStoreFixture): void {
  const refused = (call: Promise<unknown>) => expect(call).rejects.toThrow(StoreMisuse);

  test("an item has at most 400 KB, names and keys included", async () => {
    const key = { pk: partition(), sk: "0" };
    const room = 400 * 1024 - (2 + key.pk.length) - (2 + 1) - 1;
    await store().put({ ...key, d: new Uint8Array(room) });
    await refused(store().put({ ...key, d: new Uint8Array(room + 1) }));
    await refused(store().update(key, [{ op: "set", name: "e", value: bytes() }]));
    await refused(store().transact([{ kind: "put", item: { ...key, d: new Uint8Array(room + 1) } }]));
    await store().update(key, [{ op: "set", name: "d", value: bytes(1) }]);
    expect(await store().get(key)).toEqual({ ...key, d: bytes(1) });
  });

  test("batchGet takes 100 keys, no two alike", async () => {
    const pk = partition();
    const keys = Array.from({ length: 101 }, (_, index) => ({ pk, sk: String(index) }));
    expect(await store().batchGet(keys.slice(0, 100))).toHaveLength(100);
    await refused(store().batchGet(keys));
    await refused(store().batchGet([keys[0]!, keys[1]!, keys[0]!]));
  });

  test("keys are text of 1 to 2,048 and 1 to 1,024 bytes", async () => {
    const pk = partition();
    const longest = { pk: pk.padEnd(2_048, "p"), sk: "é".repeat(512), n: 1 };
    await store().put(longest);
    expect(await store().get(longest)).toEqual(longest);
    for (const key of [
      { pk: "", sk: "0" },
      { pk, sk: "" },
      { pk: `${longest.pk}p`, sk: "0" },
      { pk, sk: `${longest.sk}s` },
      { pk, sk: "\uD800" },
    ]) {
      await refused(store().get(key));
      await refused(store().put(key));
      await refused(store().delete(key));
    }
  });

  test("sets are never empty and of one type; numbers are finite", async () => {
    const key = { pk: partition(), sk: "0" };
    const values: readonly unknown[] = [
      new Set(),
      new Set(["a", 1]),
      Number.NaN,
      Number.POSITIVE_INFINITY,
      true,
      null,
      undefined,
      { a: 1 },
      ["text"],
    ];
    for (const value of values) await refused(store().put({ ...key, value } as Item));
    expect(await store().get(key)).toBeUndefined();
  });

  test("a query has a positive limit", async () => {
    const pk = partition();
    for (const limit of [0, -1, 1.5]) await refused(store().query({ pk, limit }));
  });
}
