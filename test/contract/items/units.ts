import { describe, expect, test } from "vitest";
import type { Condition } from "../../../core/ports/item-store.ts";
import type { ItemStoreFixture } from "./fixture.ts";

/** Each call reports once: what DynamoDB would have billed for it, or nothing. */
export function testUnits({ opened, store, partition }: ItemStoreFixture): void {
  const never: readonly Condition[] = [{ op: "=", name: "none", value: 1 }];
  /** An item of exactly `size` bytes. */
  const sized = (size: number, sk = "0", pk = partition()) => ({
    pk,
    sk,
    d: new Uint8Array(size - 2 - pk.length - 2 - sk.length - 1),
  });
  const expectUnits = async (write: number, read: number, call: () => Promise<unknown>): Promise<void> => {
    const { bills, ledger } = opened();
    const reported = await ledger.of(call);
    expect(reported).toMatchObject(
      bills === "dynamodb"
        ? { store: "items", writeUnits: write, readUnits: read }
        : { store: "items", writeUnits: 0, readUnits: 0 },
    );
  };

  describe("writes: 1 per KB of the larger image", () => {
    test.each([
      [100, 1],
      [1_024, 1],
      [1_025, 2],
      [10_240, 10],
    ])("a put of %i bytes costs %i", (size, units) => expectUnits(units, 0, () => store().put(sized(size))));

    test("replacing a large item by a small one costs the large one", async () => {
      const large = sized(10_240);
      await store().put(large);
      await expectUnits(10, 0, () => store().put({ ...large, d: new Uint8Array(1) }));
    });

    test("an update costs the whole item", async () => {
      const item = sized(5_120);
      await store().put(item);
      await expectUnits(6, 0, () => store().update({ pk: item.pk, sk: item.sk }, [{ op: "set", name: "x", value: 1 }]));
      await expectUnits(6, 0, () => store().update({ pk: item.pk, sk: item.sk }, [{ op: "remove", name: "d" }]));
    });

    test("a delete costs what it deletes, or 1", async () => {
      const item = sized(1_500);
      await store().put(item);
      await expectUnits(2, 0, () => store().delete(item));
      await expectUnits(1, 0, () => store().delete(item));
    });

    test("a failed condition costs the item it met, or 1", async () => {
      const item = sized(2_500);
      await expectUnits(1, 0, () => store().put(item, { when: never }));
      await store().put(item);
      await expectUnits(3, 0, () => store().put({ ...item, d: new Uint8Array(9_000) }, { when: never }));
      await expectUnits(3, 0, () => store().update({ pk: item.pk, sk: item.sk }, [{ op: "remove", name: "d" }], { when: never }));
      await expectUnits(3, 0, () => store().delete(item, { when: never }));
    });

    test("in a transaction everything costs twice", async () => {
      const item = sized(1_500);
      await expectUnits(4, 0, () => store().transact([{ kind: "put", item }]));
      const key = { pk: partition(), sk: "1" };
      const create = { kind: "update", key, changes: [{ op: "set", name: "n", value: 1 }] } as const;
      await expectUnits(6, 0, () => store().transact([{ kind: "put", item }, create]));
      await expectUnits(6, 0, () =>
        store().transact([
          { kind: "check", key: item, when: [{ op: "exists", name: "pk" }] },
          { kind: "delete", key },
        ]),
      );
    });
  });

  describe("reads: 1 per 4 KB, half when eventually consistent", () => {
    test("a get", async () => {
      const item = sized(5_123);
      await store().put(item);
      await expectUnits(0, 2, () => store().get(item));
      await expectUnits(0, 1, () => store().get(item, { consistent: false }));
      await expectUnits(0, 1, () => store().get({ pk: item.pk, sk: "none" }));
      await expectUnits(0, 0.5, () => store().get({ pk: item.pk, sk: "none" }, { consistent: false }));
    });

    test("a batchGet rounds each item up", async () => {
      const pk = partition();
      for (const sk of ["0", "1"]) await store().put(sized(4_097, sk, pk));
      await expectUnits(0, 5, () => store().batchGet(["0", "1", "2"].map((sk) => ({ pk, sk }))));
    });

    test("a query rounds the sum up", async () => {
      const pk = partition();
      for (let index = 0; index < 10; index++) await store().put(sized(1_024, String(index), pk));
      await expectUnits(0, 3, () => store().query({ pk, limit: 100 }));
      await expectUnits(0, 1.5, () => store().query({ pk, limit: 100, consistent: false }));
      await expectUnits(0, 1, () => store().query({ pk, limit: 2 }));
      await expectUnits(0, 1, () => store().query({ pk: partition(), limit: 2 }));
    });
  });

  test("a call that is refused reports too, without units", async () => {
    await expectUnits(0, 0, () => store().get({ pk: "", sk: "" }));
  });
}
