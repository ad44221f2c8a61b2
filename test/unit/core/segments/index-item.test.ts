import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { itemSize } from "../../../../adapters/items/item-size.ts";
import { framesObjectExpiresMs, framesObjectKey, indexKey, segmentObjectKey } from "../../../../core/keys.ts";
import { firstStoredAt } from "../../../../core/log/slices.ts";
import type { Item } from "../../../../core/ports/item-store.ts";
import { OBJECT_KEY as ALLOWED_KEY } from "../../../../core/ports/object-store.ts";
import { StoreCorrupt } from "../../../../core/ports/store-failures.ts";
import { indexEntryOf, indexItem, pageFor, pageForTime } from "../../../../core/segments/index-item.ts";
import type { SegmentRun } from "../../../../core/segments/segment-format.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { chainOf, EXPIRES_AT_SECONDS, NOW_MS, OBJECT_KEY, plain, QUEUE } from "./chains.ts";
import { blocksOf, readOrCorrupt, segmentOf } from "./segments.ts";

const PLACE = { objectKey: OBJECT_KEY, expiresAtSeconds: EXPIRES_AT_SECONDS };

const small: SegmentRun = {
  ...QUEUE,
  base: 1_000,
  count: 450,
  storedFromMs: NOW_MS,
  storedUntilMs: NOW_MS + 900,
  pages: [
    { base: 1_000, count: 130, byteOffset: 70_000, byteLength: 131_000, storedUntilMs: NOW_MS + 300 },
    { base: 1_130, count: 120, byteOffset: 201_000, byteLength: 130_900, storedUntilMs: NOW_MS + 300 },
    { base: 1_250, count: 200, byteOffset: 331_900, byteLength: 20_000, storedUntilMs: NOW_MS + 900 },
  ],
};

/** A stored format: what is here stays readable. */
const GOLDEN: Item = {
  pk: "s#AbCdEf01#3",
  sk: "00000000000000001000",
  n: 450,
  o: OBJECT_KEY,
  p: 70_000,
  t0: NOW_MS,
  t1: NOW_MS + 900,
  g: Uint8Array.from(Buffer.from("038201b8ff07ac0278d4fe0700c801a09c01d804", "hex")),
  x: EXPIRES_AT_SECONDS,
};

const entryOf = ({ base, count, storedFromMs, storedUntilMs, pages }: SegmentRun) => {
  return { ...PLACE, base, count, storedFromMs, storedUntilMs, pages };
};

describe("an index item", () => {
  it("has the attributes it always had", () => {
    expect(indexItem(small, PLACE)).toEqual(GOLDEN);
    expect(indexEntryOf(GOLDEN)).toEqual(entryOf(small));
  });

  it("gives back what was written", () => {
    const pages = fc.array(
      fc.record({
        count: fc.integer({ min: 1, max: 9_000 }),
        byteLength: fc.integer({ min: 1, max: 100_000 }),
        newerMs: fc.nat(),
      }),
      { minLength: 1, maxLength: 130 },
    );
    fc.assert(
      fc.property(pages, fc.nat(2 ** 44), fc.nat(2 ** 20), fc.nat(2 ** 42), (list, base, byteOffset, storedFromMs) => {
        const end = { base, byteOffset, storedUntilMs: storedFromMs };
        const written = list.map(({ count, byteLength, newerMs }) => {
          end.storedUntilMs += newerMs;
          const page = { ...end, count, byteLength };
          end.base += count;
          end.byteOffset += byteLength;
          return page;
        });
        const { storedUntilMs } = end;
        const run = { ...QUEUE, base, count: end.base - base, storedFromMs, storedUntilMs, pages: written };
        expect(indexEntryOf(indexItem(run, PLACE))).toEqual(entryOf(run));
      }),
    );
  });

  it("finds the page of an offset, and the first that holds what was stored at a time or after it", async () => {
    const random = new SeededRandom(7);
    const sends = Array.from({ length: 250 }, (_, index) => ({
      ...plain,
      bodyBytes: 3_000,
      afterMs: Math.floor(index / 3) * 20 + random.integer(0, 30),
    }));
    const chain = await chainOf(sends, 500);
    const { object, runs } = segmentOf(chain);
    const [run] = runs as [SegmentRun];
    const entry = indexEntryOf(indexItem(run, PLACE));
    expect(entry.pages.length).toBeGreaterThan(4);
    const { messages } = await chain.seenIn(chain.blocks);
    for (const { offset } of messages) {
      const page = pageFor(entry, offset)!;
      expect(offset).toBeGreaterThanOrEqual(page.base);
      expect(offset).toBeLessThan(page.base + page.count);
    }
    expect([pageFor(entry, 499), pageFor(entry, 750)]).toEqual([undefined, undefined]);
    for (let timeMs = NOW_MS - 1; timeMs <= run.storedUntilMs + 1; timeMs += 7) {
      const page = pageForTime(entry, timeMs);
      const first = messages.find(({ storedAtMs }) => storedAtMs >= timeMs)?.offset;
      expect(page?.base).toBe(first === undefined ? undefined : pageFor(entry, first)?.base);
      if (!page) continue;
      const block = blocksOf(object, run, page).find((one) => firstStoredAt(one, timeMs) < one.base + one.count);
      expect(block && firstStoredAt(block, timeMs)).toBe(first);
    }
  });

  it("is one write unit for 8 MB of one queue", () => {
    const pages = Array.from({ length: 64 }, (_, index) => ({
      base: 9e9 + index * 128,
      count: 128,
      byteOffset: 5 + index * 131_000,
      byteLength: 131_000,
      storedUntilMs: NOW_MS + index * 100_000,
    }));
    const run = { ...QUEUE, base: 9e9, count: 64 * 128, storedFromMs: NOW_MS, storedUntilMs: NOW_MS + 6_300_000, pages };
    expect(itemSize(indexItem(run, PLACE))).toBeLessThan(700);
  });

  it("is corrupt, by its key and its segment, where anything of it is missing or of another kind", () => {
    const corrupt = /^index item s#AbCdEf01#3 \d+ of segment .* is malformed$/;
    const refused = (name: string, value: unknown): void => {
      const wrong = { ...GOLDEN, [name]: value } as Item;
      expect(() => indexEntryOf(wrong), `${name} ${value}`).toThrow(StoreCorrupt);
      expect(() => indexEntryOf(wrong), `${name} ${value}`).toThrow(corrupt);
    };
    for (const name of ["n", "p", "t0", "t1", "x", "o", "g"])
      for (const value of [undefined, -1, 0.5, Uint8Array.of(1)]) refused(name, value);
    for (const name of ["n", "p", "t0", "t1", "x", "g"]) refused(name, "?");
    refused("n", 451);
    refused("t1", NOW_MS + 901);
    refused("g", Uint8Array.of(...(GOLDEN.g as Uint8Array), 0));
    refused("g", Uint8Array.of(0));
    // One page that ends behind any segment's end; offsets that no number holds.
    refused("g", Uint8Array.from(Buffer.from("01c203ffffffffffffff0f8407", "hex")));
    refused("sk", "00009007199254740900");
  });

  it("leads to no wrong page, whatever becomes of its bytes", async () => {
    const chain = await chainOf(Array.from({ length: 90 }, (_, index) => ({ ...plain, bodyBytes: 3_000, afterMs: index })));
    const { object, runs } = segmentOf(chain);
    const [run] = runs as [SegmentRun];
    const item = indexItem(run, PLACE);
    const random = new SeededRandom(11);
    let refused = 0;
    for (let round = 0; round < 3_000; round++) {
      const list = (item.g as Uint8Array).slice(0, random.chance(0.8) ? undefined : random.integer(0, 20));
      for (let flips = random.integer(1, 3); flips > 0 && list.length > 0; flips--)
        list[random.integer(0, list.length - 1)] = random.integer(0, 255);
      const entry = readOrCorrupt(() => indexEntryOf({ ...item, g: list }));
      if (entry === "corrupt") {
        refused++;
        continue;
      }
      for (const page of entry.pages) {
        const blocks = readOrCorrupt(() => blocksOf(object, run, page));
        if (blocks !== "corrupt")
          expect(run.pages.map(({ base, count }) => [base, count])).toContainEqual([page.base, page.count]);
      }
    }
    expect(refused).toBeGreaterThan(2_000);
  });
});

describe("the key of a segment", () => {
  const EXPIRES_MS = 1_800_006_000_000;

  it("says when the object goes, as that of frames does", () => {
    for (const make of [segmentObjectKey, framesObjectKey]) {
      const key = make(14, EXPIRES_MS, NOW_MS, "Ab_-1234xyz0");
      expect(key).toMatch(ALLOWED_KEY);
      expect(framesObjectExpiresMs(key)).toBe(EXPIRES_MS);
    }
    expect(segmentObjectKey(4, EXPIRES_MS, NOW_MS, "abcdefghijkl")).toBe(OBJECT_KEY);
  });

  it("is found from that of its index item, which sorts by offset", () => {
    expect(indexKey("AbCdEf01", 3, 1_000)).toEqual({ pk: GOLDEN.pk, sk: GOLDEN.sk });
    expect(indexKey("AbCdEf01", 3, 999).sk < GOLDEN.sk).toBe(true);
  });
});
