import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Item } from "../../../core/ports/item-store.ts";
import { type Deferred, deferredAsRead, deferredChanges, deferredOf } from "../../../core/progress/deferred.ts";
import { freshProgress } from "../../../core/progress/progress.ts";

const nothing: Deferred = { offsets: [], buckets: [] };
const empty = freshProgress("subscrip", 2, 40, 32);

/** The item after it was made to hold these. */
function holding(deferred: Deferred, item: Item = empty): Item {
  const after: Record<string, Item[string]> & Item = { ...item };
  for (const change of deferredChanges(item, deferred)) {
    if (change.op === "set") after[change.name] = change.value;
    else delete after[change.name];
  }
  return after;
}

describe("deferred offsets", () => {
  it("are stored as these bytes", () => {
    const { k } = holding({ offsets: [2 ** 33 + 7, 2 ** 33 + 8, 2 ** 33 + 108], buckets: [0xabcd, undefined, 0] });
    expect(Buffer.from(k as Uint8Array).toString("hex")).toBe("020000000700abcd03c8010000");
  });

  it("are read as they were written, in their order", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 20 }), fc.option(fc.integer({ min: 0, max: 65_535 }))));
    fc.assert(
      fc.property(fc.nat(2 ** 40 - 2 ** 31), steps, (lowest, list) => {
        const offsets: number[] = [];
        for (const [step] of list) offsets.push((offsets.at(-1) ?? lowest) + step);
        const deferred = { offsets, buckets: list.map(([, bucket]) => bucket ?? undefined) };
        expect(deferredOf(holding(deferred))).toEqual(deferred);
      }),
    );
  });

  it("leave no attribute behind, and touch none where there is none", () => {
    const item = holding({ offsets: [3], buckets: [1] });
    expect(holding(nothing, item)).toEqual(empty);
    expect(deferredChanges(empty, nothing)).toEqual([]);
  });

  it("are wanted exactly as read", () => {
    const item = holding({ offsets: [3], buckets: [1] });
    expect(deferredAsRead(item)).toEqual({ op: "=", name: "k", value: item.k });
    expect(deferredAsRead(empty)).toEqual({ op: "absent", name: "k" });
  });
});
