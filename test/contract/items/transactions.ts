import { expect, test } from "vitest";
import type { TransactWrite } from "../../../core/ports/item-store.ts";
import { StoreMisuse, StoreUnavailable } from "../../../core/ports/store-failures.ts";
import { type ItemStoreFixture, together } from "./fixture.ts";

export function testTransactions({ store, partition }: ItemStoreFixture): void {
  const puts = (pk: string, count: number): TransactWrite[] =>
    Array.from({ length: count }, (_, index) => ({ kind: "put", item: { pk, sk: String(index) } }));

  test("puts, updates, deletes and checks together", async () => {
    const pk = partition();
    await store().put({ pk, sk: "checked", n: 7 });
    await store().put({ pk, sk: "gone" });
    await store().put({ pk, sk: "counted", n: 1 });
    const result = await store().transact([
      { kind: "check", key: { pk, sk: "checked" }, when: [{ op: "=", name: "n", value: 7 }] },
      { kind: "put", item: { pk, sk: "made", a: "b" }, when: [{ op: "absent", name: "pk" }] },
      { kind: "update", key: { pk, sk: "counted" }, changes: [{ op: "increment", name: "n", by: 1 }] },
      { kind: "update", key: { pk, sk: "other" }, changes: [{ op: "set", name: "n", value: 5 }] },
      { kind: "delete", key: { pk, sk: "gone" }, when: [{ op: "exists", name: "pk" }] },
    ]);
    expect(result).toEqual({ ok: true });
    expect((await store().query({ pk, limit: 10 })).items).toEqual([
      { pk, sk: "checked", n: 7 },
      { pk, sk: "counted", n: 2 },
      { pk, sk: "made", a: "b" },
      { pk, sk: "other", n: 5 },
    ]);
  });

  test("when conditions fail nothing is applied, and each failure shows the item it met", async () => {
    const pk = partition();
    await store().put({ pk, sk: "a", n: 1 });
    const result = await store().transact([
      { kind: "put", item: { pk, sk: "new" } },
      {
        kind: "update",
        key: { pk, sk: "a" },
        changes: [{ op: "set", name: "n", value: 2 }],
        when: [{ op: "=", name: "n", value: 9 }],
      },
      { kind: "check", key: { pk, sk: "none" }, when: [{ op: "exists", name: "pk" }] },
      { kind: "check", key: { pk, sk: "none2" }, when: [{ op: "absent", name: "pk" }] },
    ]);
    expect(result).toEqual({
      ok: false,
      failures: [undefined, { current: { pk, sk: "a", n: 1 } }, { current: undefined }, undefined],
    });
    expect((await store().query({ pk, limit: 10 })).items).toEqual([{ pk, sk: "a", n: 1 }]);
  });

  test("an update may change nothing and a check may ask nothing", async () => {
    const pk = partition();
    const result = await store().transact([
      { kind: "update", key: { pk, sk: "made" }, changes: [] },
      { kind: "check", key: { pk, sk: "none" }, when: [] },
    ]);
    expect(result).toEqual({ ok: true });
    expect((await store().query({ pk, limit: 10 })).items).toEqual([{ pk, sk: "made" }]);
  });

  test("100 writes are taken; 101, none, or two on one item are refused", async () => {
    const pk = partition();
    expect(await store().transact(puts(pk, 100))).toEqual({ ok: true });
    expect((await store().query({ pk, limit: 1_000 })).items).toHaveLength(100);
    const other = partition();
    await expect(store().transact(puts(other, 101))).rejects.toThrow(StoreMisuse);
    await expect(store().transact([])).rejects.toThrow(StoreMisuse);
    await expect(store().transact([...puts(other, 2), { kind: "delete", key: { pk: other, sk: "1" } }])).rejects.toThrow(
      StoreMisuse,
    );
    expect((await store().query({ pk: other, limit: 10 })).items).toEqual([]);
  });

  test("misuse in one write leaves the others undone", async () => {
    const pk = partition();
    const misused = store().transact([
      ...puts(pk, 1),
      { kind: "update", key: { pk, sk: "absent" }, changes: [{ op: "increment", name: "n", by: 1 }] },
    ]);
    await expect(misused).rejects.toThrow(StoreMisuse);
    expect((await store().query({ pk, limit: 10 })).items).toEqual([]);
  });

  test("transfers at once keep the sum, and none is half done", async () => {
    const pk = partition();
    const keys = ["a", "b", "c"].map((sk) => ({ pk, sk }));
    for (const key of keys) await store().put({ ...key, n: 20 });
    await together(30, async (index) => {
      const from = keys[index % 3]!;
      const to = keys[(index + 1) % 3]!;
      for (let tries = 0; tries < 100; tries++) {
        const before = await store().get(from);
        try {
          const result = await store().transact([
            {
              kind: "update",
              key: from,
              changes: [{ op: "increment", name: "n", by: -1 }],
              when: [{ op: "=", name: "n", value: before?.n as number }],
            },
            { kind: "update", key: to, changes: [{ op: "increment", name: "n", by: 1 }] },
          ]);
          if (result.ok) return;
        } catch (error) {
          // A running transaction on an item: not applied, so tried again.
          if (!StoreUnavailable.is(error) || error.outcome !== "not-applied") throw error;
        }
      }
      throw new Error("a transfer never succeeded");
    });
    expect((await store().batchGet(keys)).map((item) => item?.n)).toEqual([20, 20, 20]);
  });
}
