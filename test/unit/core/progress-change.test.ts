import { describe, expect, it } from "vitest";
import { MemoryItemStore } from "../../../adapters/memory/memory-item-store.ts";
import { freshProgress, type Progress, progressOf } from "../../../core/progress/progress.ts";
import { ProgressChange } from "../../../core/progress/progress-change.ts";

const claim = { id: "AAAA", first: 2, nonce: "nonce12345", attempt: 1, dueMs: 1_000, open: [0, 1, 5] };
const other = { ...claim, id: "BBBB", first: 8, open: [0] };
const deferred = { offsets: [4, 6], buckets: [1, undefined] };

/** A store with an item of two claims that has seen much, and its progress. */
async function stored() {
  const items = new MemoryItemStore({ consumed: () => undefined });
  const item = freshProgress("subscrip", 2, 10, 0);
  await items.put(item);
  const apply = async (change: ProgressChange) => items.update(item, change.changes, { when: change.when, returning: "allNew" });
  const fresh = progressOf(item);
  await apply(
    new ProgressChange(fresh).putClaim(claim).putClaim(other).defer(fresh, deferred).setMessagesOut(fresh, 3).setMovedOutDue(9),
  );
  const read = async () => progressOf((await items.get(item)) ?? item);
  return { apply, read };
}

const CHANGES: Readonly<Record<string, (change: ProgressChange, progress: Progress) => ProgressChange>> = {
  "an ack of a part": (change) => change.wantDelivery(claim).settle("AAAA", new Set([0, 5])),
  "an ack of all, bit by bit": (change) => change.settle("AAAA", new Set(claim.open)),
  "an ack of all": (change) => change.wantDelivery(claim).wantOpen(claim).dropClaim("AAAA"),
  "a death": (change) =>
    change
      .wantClaim(claim)
      .wantStillOpen("AAAA", [1])
      .settle("AAAA", new Set([1]))
      .countDead(1),
  "a move to the outside": (change, progress) =>
    change
      .move(progress, { messagesOut: 5, bucketsOut: 1, backlogged: new Set([1]) })
      .defer(progress, { offsets: [6], buckets: [undefined] })
      .dropClaim("BBBB"),
  "a receive": (change, progress) =>
    change
      .handOut(progress, { next: 12, hint: 3 })
      .putClaim({ ...claim, id: "CCCC", first: 10, open: [0, 1] })
      .countExpired(2)
      .countUnreadable(progress, 1),
};

describe("a change of progress", () => {
  it.each(Object.entries(CHANGES))("has the image after it that the table has: %s", async (_, changed) => {
    const { apply, read } = await stored();
    const before = await read();
    const change = changed(new ProgressChange(before), before);
    const result = await apply(change);
    expect(result.ok && result.item).toEqual(change.appliedTo(before.stored));
    expect(progressOf(change.appliedTo(before.stored))).toEqual(await read());
  });

  it("changes nothing of another generation, or of a claim that is not as it was read", async () => {
    const { apply, read } = await stored();
    const before = await read();
    const drop = (progress: Pick<Progress, "generation">) => new ProgressChange(progress).dropClaim("AAAA");
    for (const change of [
      drop({ generation: 1 }),
      drop(before).wantClaim({ ...claim, dueMs: 1_001 }),
      drop(before).wantDelivery({ ...claim, nonce: "nonce12346" }),
      drop(before).wantOpen({ id: "AAAA", open: [0, 1] }),
      drop(before).wantStillOpen("AAAA", [2]),
      drop(before).wantNext({ ...before, next: 9 }),
      drop(before).wantUnmoved({ ...before, messagesOut: 2 }),
      drop(before).wantUnmoved({ ...before, moves: 1 }),
      drop(before).putClaim(other),
      drop(before).reserve({ ...claim, id: "CCCC" }, 3, { end: 12, hint: 0 }),
    ])
      expect((await apply(change)).ok, JSON.stringify(change.when)).toBe(false);
    expect(await read()).toEqual(before);
    expect((await apply(drop(before).reserve({ ...claim, id: "CCCC" }, 2, { end: 12, hint: 0 }))).ok).toBe(true);
    expect((await read()).claims.get("CCCC")).toMatchObject({ first: 10, open: [0, 1] });
  });
});
