import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Block } from "../../../../core/log/block.ts";
import { RunWalk } from "../../../../core/log/run-walk.ts";
import { slicesOf } from "../../../../core/log/slices.ts";
import { compareKeys } from "../../../../core/segments/key-section.ts";
import type { SegmentRun } from "../../../../core/segments/segment-format.ts";
import { PAGE_BYTES_MAX, PAGE_BYTES_MIN } from "../../../../core/segments/segment-limits.ts";
import { SegmentWriter } from "../../../../core/segments/segment-writer.ts";
import { chainOf, NOW_MS, plain, QUEUE, type Sent, type WrittenChain } from "./chains.ts";
import { blocksOf, directoryOf, entriesOf, keysOf, segmentOf } from "./segments.ts";

const allBlocks = (object: Uint8Array, run: SegmentRun) => run.pages.flatMap((page) => blocksOf(object, run, page));

const anySends = fc.array(
  fc.record({
    count: fc.integer({ min: 1, max: 4 }),
    bodyBytes: fc.constantFrom(0, 10, 200, 9_000),
    afterMs: fc.integer({ min: 0, max: 3_000 }),
    pointerAfterMs: fc.option(fc.integer({ min: 0, max: 5_000 }), { nil: undefined, freq: 4 }),
    newBlock: fc.boolean(),
    damage: fc.option(fc.constantFrom("head", "body", "block"), { nil: undefined, freq: 6 }),
  }),
  { minLength: 1, maxLength: 60 },
);

describe("a segment", () => {
  it("shows every reader what the chain did: messages, what is unreadable, store times", async () => {
    await fc.assert(
      fc.asyncProperty(anySends, fc.nat(2 ** 40), fc.nat(99), async (sent, base, seed) => {
        const chain = await chainOf(sent as readonly Sent[], base, seed);
        const { object, runs } = segmentOf(chain);
        expect(directoryOf(object)).toEqual(runs);
        const [run] = runs as [SegmentRun];
        expect([run.base, run.count]).toEqual([base, chain.count]);
        const blocks = allBlocks(object, run);
        const [seen, written] = [await chain.seenIn(blocks), await chain.seenIn(chain.blocks)];
        expect(seen.messages).toEqual(written.messages);
        expect(seen.unreadable).toEqual(written.unreadable);
        expect(timesByOffset(seen.times)).toEqual(timesByOffset(written.times));
        expect(seen.messages.length + seen.unreadable.length).toBe(chain.count);
      }),
      { numRuns: 60 },
    );
  });

  it("says the time that a frame has in the chain, also where its own head says an earlier one", async () => {
    const chain = await chainOf([
      { ...plain, afterMs: 10 },
      { ...plain, afterMs: 20, pointerAfterMs: 1_000 },
      { ...plain, afterMs: 30, newBlock: false },
      { ...plain, afterMs: 40 },
      { ...plain, afterMs: 2_000, newBlock: false },
      { ...plain, afterMs: 2_000 },
      { ...plain, afterMs: 1_999 },
    ]);
    const { object, runs } = segmentOf(chain);
    const blocks = allBlocks(object, runs[0]!);
    const { times } = await chain.seenIn(blocks);
    expect(times.map(([, , ms]) => ms! - NOW_MS)).toEqual([10, 1_020, 1_020, 1_020, 2_000, 2_000, 2_000]);
    // One block for what its heads say; one for each frame that is later than its own.
    expect(blocks.map(({ count, storedFromMs }) => [count, storedFromMs - NOW_MS])).toEqual([
      [2, 10],
      [1, 1_020],
      [3, 1_020],
      [1, 2_000],
    ]);
  });

  it("has pages of whole frames, none small but the last, none large but for a large frame", async () => {
    for (const [seed, bodyBytes] of [100, 1_000, 9_000, 30_000].entries()) {
      const chain = await chainOf(
        Array.from({ length: 600_000 / bodyBytes }, () => ({ ...plain, bodyBytes })),
        7,
        seed,
      );
      const other = await chainOf([plain], 0, seed);
      const { object, runs } = segmentOf(chain, other);
      const [{ pages }] = runs as [SegmentRun];
      expect(pages.length).toBeGreaterThan(4);
      for (const page of pages.slice(0, -1)) {
        expect(page.byteLength).toBeGreaterThanOrEqual(PAGE_BYTES_MIN);
        expect(page.byteLength).toBeLessThanOrEqual(PAGE_BYTES_MAX);
        expect(page.byteLength).toBeGreaterThan(PAGE_BYTES_MAX - bodyBytes - 100);
      }
      expect(object.length).toBeLessThan(1.002 * chain.blocks.reduce((sum, { bytes }) => sum + bytes + 3, 0) + 500);
    }
    // Where each frame begins a block, since its time in the chain is later than its own.
    const [first] = (await chainOf([plain])).blocks as [Block];
    const writer = new SegmentWriter();
    for (let base = 0; base < 3_000; base++) writer.append(QUEUE, { ...first, base, storedFromMs: NOW_MS + 1 + base });
    const [late] = writer.end().runs as [SegmentRun];
    expect(late.pages[0]?.byteLength).toBeGreaterThan(PAGE_BYTES_MAX - 200);
    expect(late.pages[0]?.byteLength).toBeLessThanOrEqual(PAGE_BYTES_MAX);
    const large = await chainOf([{ ...plain, bodyBytes: 50_000 }, { ...plain, bodyBytes: 200_000 }, plain]);
    const [{ pages }] = segmentOf(large).runs as [SegmentRun];
    expect(pages.map(({ count }) => count)).toEqual([2, 1]);
  });

  it("shows the times of the chain where these fall, and is found by times that do not", async () => {
    const [early, late] = [await chainOf([plain, plain], 1), await chainOf([{ ...plain, afterMs: 5_000 }], 0)];
    const writer = new SegmentWriter();
    for (const block of [...late.blocks, ...early.blocks]) writer.append(QUEUE, block);
    const { object, runs } = writer.end();
    const [run] = runs as [SegmentRun];
    expect([run.storedFromMs, run.storedUntilMs]).toEqual([NOW_MS, NOW_MS + 5_000]);
    const blocks = allBlocks(object, run);
    expect([0, 1, 2].map((offset) => slicesOf({ blocks, from: offset, count: 1 })[0]?.storedAtMs)).toEqual([
      NOW_MS + 5_000,
      NOW_MS,
      NOW_MS,
    ]);
  });

  it("believes no time of a damaged frame", async () => {
    const chain = await chainOf([plain, plain, { ...plain, afterMs: 10 }]);
    const frame = chain.blocks[1]?.frames[0] as Uint8Array;
    frame[2] = 0x7f;
    const { object, runs } = segmentOf(chain);
    const [run] = runs as [SegmentRun];
    expect([run.storedFromMs, run.storedUntilMs]).toEqual([NOW_MS, NOW_MS + 10]);
    const { messages, unreadable } = await chain.seenIn(allBlocks(object, run));
    expect([messages.map(({ offset }) => offset), unreadable]).toEqual([[0, 2], [1]]);
  });

  it("gives views of the page, not copies", async () => {
    const { object, runs } = segmentOf(await chainOf([plain, plain]));
    const [run] = runs as [SegmentRun];
    for (const { frames } of allBlocks(object, run)) for (const frame of frames) expect(frame.buffer).toBe(object.buffer);
  });

  it("keeps what a restart says of the chain before, and begins a run at a gap", async () => {
    const chain = await chainOf([plain, plain]);
    await chain.restart(65_536, { ...plain, afterMs: 500 }, true);
    await chain.send({ ...plain, afterMs: 600 });
    await chain.restart(131_072, { ...plain, afterMs: 700 }, false);
    // The chain before may have ended where it is restarted: then there is no gap.
    await chain.restart(131_073, { ...plain, afterMs: 800 }, true);
    const { object, runs } = segmentOf(chain);
    expect(directoryOf(object).map(({ base, count }) => [base, count])).toEqual([
      [0, 2],
      [65_536, 2],
      [131_072, 2],
    ]);
    expect(allBlocks(object, runs[2]!).at(-1)).toMatchObject({ base: 131_073, chainBeforeEnd: 131_073 });
    for (const [index, from] of [1, 2, 65_538].entries()) {
      const walked = (blocks: WrittenChain["blocks"]) => {
        const walk = new RunWalk({ from, count: 10, horizonMs: 0 }, undefined);
        for (const block of blocks) walk.take(block);
        const { available, expired, from: found } = walk.run();
        return { available, expired, found };
      };
      const behind = chain.blocks.filter(({ base }) => base >= (runs[index]?.base ?? 0));
      expect(walked(runs.slice(index).flatMap((run) => allBlocks(object, run)))).toEqual(walked(behind));
    }
  });

  it("holds the keys of all its runs, the newest first, however few of them are read", async () => {
    const [first, second] = [await chainOf(Array(900).fill(plain)), await chainOf(Array(100).fill(plain), 5_000)];
    const writer = new SegmentWriter();
    for (const [queueId, chain] of [first, second].entries())
      for (const block of chain.blocks) {
        writer.append({ ...QUEUE, queueId }, block);
        for (const hash of [block.base % 5, 2 ** 40 - 1 - block.base])
          writer.addKey(hash, block.base, block.storedFromMs + block.base);
      }
    const { object } = writer.end();
    const keys = keysOf(object);
    expect(keys.count).toBe(2_000);
    const threes = entriesOf(keys, 3);
    expect(threes.map(({ queueId }) => queueId)).toEqual([...Array(20).fill(1), ...Array(180).fill(0)]);
    expect(threes.slice(18, 22).map(({ offset }) => offset)).toEqual([5_008, 5_003, 898, 893]);
    for (const { offset, storedAtMs } of threes) expect(storedAtMs).toBe(NOW_MS + offset);
    expect(entriesOf(keys, 2 ** 40 - 1 - 5_050).map(({ offset }) => offset)).toEqual([5_050]);
    expect(entriesOf(keys, 77)).toEqual([]);
    for (let index = 1; index < keys.count; index++)
      expect(compareKeys(keys.entry(index - 1), keys.entry(index))).toBeLessThanOrEqual(0);
  });
});

/** Slices of both differ where blocks were put together; times of offsets do not. */
const timesByOffset = (times: readonly (readonly (number | undefined)[])[]) =>
  times.flatMap(([offset = 0, count = 0, ms]) => Array.from({ length: count }, (_, index) => [offset + index, ms]));
