import { inspect, isDeepStrictEqual } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { crc32c } from "../../../../core/bytes/crc32c.ts";
import type { Block } from "../../../../core/log/block.ts";
import { decodeDirectory } from "../../../../core/segments/directory.ts";
import { KeySlice } from "../../../../core/segments/key-section.ts";
import { decodePage } from "../../../../core/segments/page-codec.ts";
import type { PageEntry, SegmentRun } from "../../../../core/segments/segment-format.ts";
import { SegmentWriter } from "../../../../core/segments/segment-writer.ts";
import { decodeTrailer, encodeTrailer } from "../../../../core/segments/trailer.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";
import { chainOf, EXPIRES_AT_SECONDS, OBJECT_KEY, plain, QUEUE, type WrittenChain } from "./chains.ts";
import { blocksOf, directoryOf, entriesOf, keysOf, rangeOf, readOrCorrupt, trailerOf } from "./segments.ts";

const HASHES = 50;

/** Two runs; the first has two pages of the same length, so that they can be taken for one another. */
const chains: WrittenChain[] = [];
let object: Uint8Array;
let runs: readonly SegmentRun[];
let pages: readonly { readonly run: SegmentRun; readonly page: PageEntry; readonly blocks: readonly Block[] }[];

beforeAll(async () => {
  const half = { ...plain, bodyBytes: 44_000 };
  chains.push(await chainOf([half, half, half, half, half, { ...half, pointerAfterMs: 10 }], 0, 1));
  chains.push(await chainOf(Array(20).fill({ ...plain, count: 2 }), 9, 2));
  const writer = new SegmentWriter();
  for (const [queueId, { blocks }] of chains.entries())
    for (const block of blocks) {
      writer.append({ ...QUEUE, queueId }, block);
      for (let hash = 0; hash < HASHES; hash++) writer.addKey(hash * 2 ** 34, block.base, block.storedFromMs);
    }
  ({ object, runs } = writer.end());
  pages = runs.flatMap((run) => run.pages.map((page) => ({ run, page, blocks: blocksOf(object, run, page) })));
});

/**
 * Every way to read the segment: through its index, and from its end. Each part is as it was written, or is said to be corrupt. A page
 * of which no byte differs is not read again.
 */
function readAll(found: Uint8Array): { readonly corrupt: number } {
  let corrupt = 0;
  const check = <T>(read: () => T, written: T): void => {
    const got = readOrCorrupt(read);
    if (got === "corrupt") corrupt++;
    else if (!isDeepStrictEqual(got, written)) throw new Error(`read ${inspect(got)}`);
  };
  for (const { run, page, blocks } of pages)
    if (Buffer.compare(rangeOf(found, page), rangeOf(object, page)) !== 0) check(() => blocksOf(found, run, page), blocks);
  check(() => trailerOf(found), trailerOf(object));
  check(() => directoryOf(found), runs);
  const hash = 7 * 2 ** 34;
  check(() => entriesOf(keysOf(found), hash), entriesOf(keysOf(object), hash));
  return { corrupt };
}

/** Bytes of all kinds: of frames, which are most, as of heads, keys, directory and trailer. */
function anyPlace(random: SeededRandom): number {
  const behindPages = trailerOf(object).keys.byteOffset;
  if (random.chance(0.4)) return random.integer(behindPages, object.length - 1);
  const { byteOffset, byteLength } = random.pick(pages).page;
  return random.chance(0.5) ? byteOffset + random.integer(0, 40) : byteOffset + random.integer(0, byteLength - 1);
}

function flipped(bytes: Uint8Array, random: SeededRandom, places: number): Uint8Array {
  const found = bytes.slice();
  for (let flips = 0; flips < places; flips++) {
    const at = anyPlace(random);
    found[at] = (found[at] as number) ^ random.integer(1, 255);
  }
  return found;
}

const spliced = (bytes: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array =>
  Uint8Array.from(Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]));

describe("a segment whose bytes are not what was written", () => {
  it("is whole when nothing was done to it", () => {
    expect(readAll(object)).toEqual({ corrupt: 0 });
    expect(pages).toHaveLength(4);
    expect(pages[0]?.page.byteLength).toBe(pages[1]?.page.byteLength);
  });

  it("is corrupt in the part in which a byte differs, and is read everywhere else", () => {
    const random = new SeededRandom(1);
    for (let round = 0; round < 1_500; round++) {
      // The trailer leads to the directory and to the keys.
      const { corrupt } = readAll(flipped(object, random, 1));
      expect([1, 3]).toContain(corrupt);
    }
  });

  it("is never read wrongly, whichever bytes differ", () => {
    const random = new SeededRandom(2);
    for (let round = 0; round < 1_000; round++)
      expect(readAll(flipped(object, random, random.integer(2, 30))).corrupt).toBeGreaterThan(0);
  });

  it("is never read wrongly where it was cut, or bytes came in between, or from elsewhere in it", () => {
    const random = new SeededRandom(3);
    for (let round = 0; round < 1_000; round++) {
      const at = anyPlace(random);
      const length = random.integer(1, 5_000);
      const from = anyPlace(random);
      const found = random.pick([
        () => object.subarray(0, at),
        () => spliced(object, at, length, new Uint8Array()),
        () => spliced(object, at, 0, random.bytes(random.integer(1, 40))),
        () => spliced(object, at, 0, object.subarray(from, from + length)),
        () => spliced(object, at, length, object.subarray(from, from + length)),
        () => object.slice().fill(0, at, at + length),
      ])();
      if (Buffer.compare(found, object) !== 0) expect(readAll(found).corrupt).toBeGreaterThan(0);
    }
  });

  it("is corrupt where a page lies in another's place, of its own queue or of another", () => {
    for (const one of pages)
      for (const other of pages) {
        const { byteOffset, byteLength } = one.page;
        const found = spliced(object, byteOffset, byteLength, rangeOf(object, other.page));
        const read = readOrCorrupt(() => blocksOf(found, one.run, { ...one.page, byteLength: other.page.byteLength }));
        expect(read === "corrupt", `${one.page.base} and ${other.page.base}`).toBe(one !== other);
      }
  });

  it("is corrupt where chunks of keys have changed places, or are fewer than were asked for", () => {
    const { keys } = trailerOf(object);
    const chunkBytes = 4_094;
    expect(keys.byteLength).toBeGreaterThan(4 * chunkBytes);
    const [first, second] = [0, 1].map((index) =>
      rangeOf(object, { byteOffset: keys.byteOffset + index * chunkBytes, byteLength: chunkBytes }),
    );
    const swapped = spliced(object, keys.byteOffset, 2 * chunkBytes, Buffer.concat([second!, first!]));
    expect(readOrCorrupt(() => keysOf(swapped))).toBe("corrupt");
    const two = { firstChunk: 1, byteLength: 2 * chunkBytes };
    const one = rangeOf(object, { byteOffset: keys.byteOffset + chunkBytes, byteLength: chunkBytes });
    expect(readOrCorrupt(() => new KeySlice(one, two, OBJECT_KEY))).toBe("corrupt");
    const halfAnEntry = new DataView(new ArrayBuffer(4 + 8 + 4));
    halfAnEntry.setUint32(12, crc32c(new Uint8Array(12)));
    const sealed = new Uint8Array(halfAnEntry.buffer);
    expect(readOrCorrupt(() => new KeySlice(sealed, { firstChunk: 0, byteLength: 16 }, OBJECT_KEY))).toBe("corrupt");
    const part = (byteLength: number) =>
      new KeySlice(
        rangeOf(object, { byteOffset: keys.byteOffset + chunkBytes, byteLength }),
        { firstChunk: 1, byteLength: chunkBytes },
        OBJECT_KEY,
      );
    expect(part(chunkBytes).count).toBe(227);
    expect(readOrCorrupt(() => part(chunkBytes - 18))).toBe("corrupt");
  });

  it("is corrupt or consistent, in good time, also where a wrong page has the right checksum", () => {
    const random = new SeededRandom(4);
    const { run, page } = pages[3]!;
    const expected = { ...page, topicUid: run.topicUid, queueId: run.queueId, expiresAtSeconds: EXPIRES_AT_SECONDS };
    const outcomes = { corrupt: 0, read: 0 };
    for (let round = 0; round < 5_000; round++) {
      const forged = rangeOf(object, page).slice(0, random.chance(0.5) ? page.byteLength : random.integer(9, page.byteLength));
      for (let flips = random.integer(1, 4); flips > 0; flips--)
        forged[random.integer(9, Math.min(60, forged.length - 1))] = random.pick([0, 1, 127, 128, 255, random.integer(0, 255)]);
      const envelope = new DataView(forged.buffer);
      envelope.setUint32(0, forged.length);
      envelope.setUint32(4, crc32c(forged, 8));
      const read = readOrCorrupt(() => decodePage(forged, expected, OBJECT_KEY));
      outcomes[read === "corrupt" ? "corrupt" : "read"]++;
      if (read === "corrupt") continue;
      expect(read.reduce((sum, { count }) => sum + count, 0)).toBe(page.count);
    }
    expect(outcomes.corrupt).toBeGreaterThan(500);
    expect(outcomes.read).toBeGreaterThan(500);
  });

  it("is corrupt where its trailer, though whole, leads nowhere, or its directory is not of these pages", () => {
    const trailer = trailerOf(object);
    const { keys, directory } = trailer;
    for (const wrong of [
      { ...trailer, keys: { ...keys, byteOffset: 4 } },
      { ...trailer, keys: { ...keys, byteLength: 16 * 1_024 * 1_024 } },
      { ...trailer, directory: { ...directory, byteLength: 16 * 1_024 * 1_024 } },
    ])
      expect(readOrCorrupt(() => decodeTrailer(encodeTrailer(wrong), OBJECT_KEY))).toBe("corrupt");
    const bytes = rangeOf(object, directory);
    const moved = { ...trailer, keys: { ...keys, byteOffset: keys.byteOffset + 1 } };
    expect(readOrCorrupt(() => decodeDirectory(bytes, moved, OBJECT_KEY))).toBe("corrupt");
    const longer = Uint8Array.of(...bytes, 0);
    const sealed = { ...trailer, directory: { ...directory, byteLength: longer.length, checksum: crc32c(longer) } };
    expect(readOrCorrupt(() => decodeDirectory(longer, sealed, OBJECT_KEY))).toBe("corrupt");
  });

  it("is named with what is wrong: a newer format, another queue, other offsets", () => {
    const { run, page } = pages[0]!;
    const newer = object.slice();
    newer[page.byteOffset + 8] = 9;
    newer[newer.length - 5] = 9;
    expect(() => blocksOf(newer, run, page)).toThrow(`${OBJECT_KEY} is of format 9: this version knows format 1`);
    expect(() => trailerOf(newer)).toThrow(`${OBJECT_KEY} is of format 9: this version knows format 1`);
    expect(() => blocksOf(object, { ...run, queueId: 1 }, page)).toThrow(`${OBJECT_KEY} is another page`);
    expect(() => blocksOf(object, { ...run, topicUid: "other" }, page)).toThrow(`${OBJECT_KEY} is another page`);
    expect(() => blocksOf(object, run, { ...page, base: page.base + 1 })).toThrow(`${OBJECT_KEY} is another page`);
    expect(() => blocksOf(object, run, { ...page, count: page.count + 1 })).toThrow(`${OBJECT_KEY} holds ${page.count} messages`);
  });
});
