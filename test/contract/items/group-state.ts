import { expect, test } from "vitest";
import type { Change, Condition, Item, Key } from "../../../core/ports/item-store.ts";
import { bytes, type ItemStoreFixture, returned, together } from "./fixture.ts";

/** The updates of a group's progress item, as the broker writes them. A and B are claim ids, H an emptied claim. */
export function testGroupState({ store, partition }: ItemStoreFixture): void {
  const state = async (attributes: Record<string, Item[string]> = {}): Promise<Key> => {
    const key = { pk: partition(), sk: "g" };
    await store().put({ ...key, n: 10, nb: 0, g: 1, r: 0, dl: 0, ex: 0, ...attributes });
    return key;
  };
  const update = (key: Key, changes: readonly Change[], when: readonly Condition[], returning: "allOld" | "allNew" = "allNew") =>
    store().update(key, changes, { when, returning });
  const claim = (open: readonly number[], meta = "nonce1-1-due") => ({ fA: 10, mA: meta, oA: new Set(open) });
  const generation: Condition = { op: "=", name: "g", value: 1 };
  const c1: readonly Condition[] = [
    generation,
    { op: "=", name: "fA", value: 10 },
    { op: "beginsWith", name: "mA", prefix: "nonce1-1" },
  ];
  const exactMeta: readonly Condition[] = [
    generation,
    { op: "=", name: "fA", value: 10 },
    { op: "=", name: "mA", value: "nonce1-1-due" },
  ];

  test("reserve takes the next offset as the claim's first while it moves on, and sweeps an emptied claim", async () => {
    const key = await state({ fH: 3, mH: "old" });
    const result = await update(
      key,
      [
        { op: "copy", name: "fA", from: "n" },
        { op: "set", name: "mA", value: "nonce1-1-due" },
        { op: "set", name: "oA", value: new Set([0, 1, 2]) },
        { op: "increment", name: "n", by: 3 },
        { op: "remove", name: "fH" },
        { op: "remove", name: "mH" },
      ],
      [generation, { op: "<=", name: "n", value: 20 }, { op: "absent", name: "fA" }, { op: "absent", name: "oH" }],
    );
    expect(returned(result)).toEqual({ ...key, n: 13, nb: 0, g: 1, r: 0, dl: 0, ex: 0, ...claim([0, 1, 2]) });
  });

  test("50 receivers at once reserve 50 ranges without a gap", async () => {
    const key = await state();
    const results = await together(50, (id) =>
      update(
        key,
        [
          { op: "copy", name: `f${id}`, from: "n" },
          { op: "set", name: `m${id}`, value: `nonce${id}` },
          { op: "set", name: `o${id}`, value: new Set([0, 1]) },
          { op: "increment", name: "n", by: 2 },
        ],
        [generation, { op: "absent", name: `f${id}` }],
      ),
    );
    const firsts = results.map((result, id) => returned(result)[`f${id}`] as number).sort((a, b) => a - b);
    expect(firsts).toEqual(Array.from({ length: 50 }, (_, index) => 10 + 2 * index));
  });

  test("a part is acked by taking it from the set: the old image tells what was open", async () => {
    const key = await state(claim([0, 1, 5]));
    const ack = (offset: number) => update(key, [{ op: "deleteFromSet", name: "oA", values: new Set([offset]) }], c1, "allOld");
    expect(returned(await ack(1)).oA).toEqual(new Set([0, 1, 5]));
    expect(returned(await ack(1)).oA).toEqual(new Set([0, 5]));
    await Promise.all([ack(0), ack(5)]);
    const item = await store().get(key);
    expect(item).not.toHaveProperty("oA");
    expect(item).toMatchObject({ fA: 10 });
    expect(returned(await ack(0))).not.toHaveProperty("oA");
  });

  test("a whole claim is acked by removing it; afterwards its lease is lost", async () => {
    const key = await state(claim([0, 1]));
    const remove: readonly Change[] = ["fA", "mA", "oA"].map((name) => ({ op: "remove", name }) as const);
    expect(returned(await update(key, remove, c1, "allOld"))).toMatchObject(claim([0, 1]));
    const after = await store().get(key);
    expect(after).toEqual({ ...key, n: 10, nb: 0, g: 1, r: 0, dl: 0, ex: 0 });
    expect(await update(key, remove, c1)).toEqual({ ok: false, current: after });
  });

  test("part of a claim moves to a claim of its own", async () => {
    const key = await state(claim([0, 1, 2]));
    const moved = new Set([1]);
    const result = await update(
      key,
      [
        { op: "copy", name: "fB", from: "fA" },
        { op: "set", name: "mB", value: "~other" },
        { op: "set", name: "oB", value: moved },
        { op: "deleteFromSet", name: "oA", values: moved },
      ],
      [...exactMeta, { op: "absent", name: "fB" }],
    );
    expect(returned(result)).toMatchObject({ ...claim([0, 2]), fB: 10, mB: "~other", oB: new Set([1]) });
  });

  test("one message is extended only while it is open and its meta is as in the handle", async () => {
    const key = await state(claim([0, 1]));
    const extend = (offset: number) =>
      update(
        key,
        [{ op: "set", name: "mA", value: "nonce1-1-later" }],
        [...exactMeta, { op: "contains", name: "oA", value: offset }],
      );
    expect(await extend(2)).toMatchObject({ ok: false, current: { mA: "nonce1-1-due" } });
    expect(await extend(1)).toMatchObject({ ok: true });
    expect(await extend(1)).toMatchObject({ ok: false, current: { mA: "nonce1-1-later" } });
  });

  test("a due claim is redelivered without what has expired of it", async () => {
    const key = await state(claim([0, 1, 2]));
    const changes: readonly Change[] = [
      { op: "set", name: "mA", value: "nonce2-2-due" },
      { op: "increment", name: "ex", by: 2 },
      { op: "deleteFromSet", name: "oA", values: new Set([0, 1]) },
    ];
    expect(returned(await update(key, changes, exactMeta))).toMatchObject({ mA: "nonce2-2-due", ex: 2, oA: new Set([2]) });
    expect(await update(key, changes, exactMeta)).toMatchObject({ ok: false });
  });

  test("ordered groups swap a deferred list on its exact bytes", async () => {
    const key = await state({ kx1: bytes(1, 2, 3) });
    const swap = (before: Uint8Array, after: Uint8Array) =>
      update(key, [{ op: "set", name: "kx1", value: after }], [{ op: "=", name: "kx1", value: before }]);
    expect(await swap(bytes(1, 2), bytes(9))).toMatchObject({ ok: false });
    expect(await swap(bytes(1, 2, 3), bytes(2, 3))).toMatchObject({ ok: true });
  });

  test("dead-lettering appends and lets go in one transaction, on the exact set", async () => {
    const key = await state(claim([0, 2]));
    const target = { pk: partition(), sk: "0" };
    await store().put({ ...target, n: 4 });
    const deadLetter = (open: readonly number[]) =>
      store().transact([
        { kind: "update", key: target, changes: [{ op: "increment", name: "n", by: 2 }], when: [{ op: "exists", name: "pk" }] },
        {
          kind: "update",
          key,
          changes: [
            { op: "remove", name: "fA" },
            { op: "remove", name: "mA" },
            { op: "remove", name: "oA" },
            { op: "increment", name: "dl", by: 2 },
            { op: "increment", name: "ex", by: 0 },
          ],
          when: [...exactMeta, { op: "=", name: "oA", value: new Set(open) }],
        },
      ]);
    expect(await deadLetter([0, 1, 2])).toMatchObject({ ok: false, failures: [undefined, { current: claim([0, 2]) }] });
    expect(await store().get(target)).toMatchObject({ n: 4 });
    expect(await deadLetter([2, 0])).toEqual({ ok: true });
    expect(await store().get(target)).toMatchObject({ n: 6 });
    expect(await store().get(key)).toMatchObject({ dl: 2 });
    expect(await deadLetter([0, 2])).toMatchObject({ ok: false });
  });

  test("a reset puts the whole item once per generation", async () => {
    const key = await state(claim([0]));
    const reset = () => store().put({ ...key, n: 0, nb: 0, g: 2, r: 0, dl: 0, ex: 0 }, { when: [generation] });
    expect(await reset()).toEqual({ ok: true });
    expect(await reset()).toMatchObject({ ok: false, current: { g: 2 } });
    expect(await store().get(key)).not.toHaveProperty("fA");
  });
}
