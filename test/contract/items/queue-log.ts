import { expect, test } from "vitest";
import type { Change, Condition, WriteResult } from "../../../core/ports/item-store.ts";
import { bytes, type ItemStoreFixture, together } from "./fixture.ts";

/** The append of one frame to a queue's tail block, with every condition it has. */
export function testQueueLog({ store, partition }: ItemStoreFixture): void {
  const T1 = 1_700_000_000;
  const EXPIRY = 2_000_000_000;
  const block = () => ({
    pk: partition(),
    sk: "00000000000000000128",
    f: [bytes(1)],
    n: 1,
    b: 100,
    lim: 400,
    w: new Set(["w0"]),
    t0: T1,
    t1: T1,
    x: EXPIRY,
  });
  const changes = (writeId: string, frame: Uint8Array): readonly Change[] => [
    { op: "append", name: "f", values: [frame] },
    { op: "increment", name: "n", by: 2 },
    { op: "increment", name: "b", by: 100 },
    { op: "set", name: "t1", value: T1 + 1 },
    { op: "set", name: "x", value: EXPIRY },
    { op: "addToSet", name: "w", values: new Set([writeId]) },
  ];
  const when = (writeId: string, more: Partial<Record<"room" | "x" | "guard", number>> = {}): readonly Condition[] => [
    { op: "exists", name: "pk" },
    { op: "lessThanAttribute", name: "b", other: "lim" },
    { op: "notContains", name: "w", value: writeId },
    { op: "<=", name: "n", value: more.room ?? 65_000 },
    { op: "<=", name: "x", value: more.x ?? EXPIRY },
    { op: ">", name: "x", value: more.guard ?? EXPIRY - 3_600 },
  ];
  const append = (key: { pk: string; sk: string }, writeId: string, frame = bytes(2)): Promise<WriteResult> =>
    store().update({ pk: key.pk, sk: key.sk }, changes(writeId, frame), { when: when(writeId), returning: "allOld" });

  test("appends the frame and tells the offset", async () => {
    const item = block();
    await store().put(item);
    expect(await append(item, "w1")).toEqual({ ok: true, item });
    expect(await store().get(item)).toEqual({
      ...item,
      f: [bytes(1), bytes(2)],
      n: 3,
      b: 200,
      t1: T1 + 1,
      w: new Set(["w0", "w1"]),
    });
  });

  test("concurrent appenders fill a block to its closing size and then meet it full", async () => {
    const item = block();
    await store().put(item);
    const results = await together(10, (index) => append(item, `w${index + 1}`, bytes(index)));
    const offsets = results.flatMap((result) => (result.ok ? [result.item?.n] : []));
    expect(offsets.sort()).toEqual([1, 3, 5]);
    for (const result of results) if (!result.ok) expect(result.current).toMatchObject({ n: 7, b: 400 });
  });

  test.each([
    ["its write id is there", { id: "w0" }],
    ["its room is used up", { id: "w1", room: 0 }],
    ["it lives longer than the append would let it", { id: "w1", x: EXPIRY - 1 }],
    ["it is about to expire", { id: "w1", guard: EXPIRY }],
  ])("is refused with the block when %s", async (_, { id, ...more }) => {
    const item = block();
    await store().put(item);
    const key = { pk: item.pk, sk: item.sk };
    expect(await store().update(key, changes(id, bytes(2)), { when: when(id, more) })).toEqual({ ok: false, current: item });
    expect(await store().get(key)).toEqual(item);
  });

  test("is refused where there is no block", async () => {
    expect(await append(block(), "w1")).toEqual({ ok: false, current: undefined });
  });
}
