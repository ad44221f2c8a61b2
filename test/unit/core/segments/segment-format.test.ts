import { describe, expect, it } from "vitest";
import type { Block } from "../../../../core/log/block.ts";
import { StoreMisuse } from "../../../../core/ports/store-failures.ts";
import { SEGMENT_BYTES_MAX } from "../../../../core/segments/segment-limits.ts";
import { SegmentWriter } from "../../../../core/segments/segment-writer.ts";
import { EXPIRES_AT_SECONDS, NOW_MS, QUEUE } from "./chains.ts";
import { blocksOf, directoryOf, entriesOf, keysOf, trailerOf } from "./segments.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/** Of two messages, stored at 1,700,000,000,003; and a pointer to them, as `frame.test.ts` holds them. */
const BATCH =
  "0100018bcfe568030102030405060708090a0b0c0d0e022f223e05076372656174656402026b31026b3201037372630377656201670368656c6c6f0b0104066f776e2d696400ffb3eefe30";
const POINTER =
  "0102018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac02c2ed1ec7";
const STORED_AT_MS = 1_700_000_000_003;

const block = (base: number, storedFromMs: number, ...frames: readonly string[]): Block => ({
  base,
  count: 2 * frames.length,
  bytes: frames.reduce((sum, frame) => sum + frame.length / 2, 0),
  closingBytes: 1,
  expiresAtSeconds: EXPIRES_AT_SECONDS,
  storedFromMs,
  frames: frames.map(bytes),
  writeIds: new Set(["w"]),
});

/** Stored formats: lines may be added here, never changed. */
const GOLDEN = [
  // Magic and version.
  "4150534701",
  // The page of the first run: its head, then three blocks of it.
  "00000144f8c0361d0108416243644566303103ac02018bcfe568030004024b",
  BATCH,
  "3d",
  POINTER,
  "018bcfe568490002013d",
  POINTER,
  "018bcfe568490002014b",
  BATCH,
  // The page of the second run.
  "0000006c5940fd100108416243644566303104808004018bcfe56803990402014b",
  BATCH,
  // A chunk of keys.
  "000000000000000007018ccfe5680304000000010001",
  "0000000007018bcfe5684903000000000131",
  "0000000007018bcfe5680304000000010000",
  "ffffffffff018bcfe568030300000000012c2105ef9b",
  // The directory.
  "02084162436445663031066f726465727303ac02018bcfe568030108c40246084162436445663031066f726465727304808004018bcfe5680301026c00",
  // The trailer.
  "0000000001b500000000005000000000003d1abd80a7018bcfe56803000000000000000000000000000000000000000000000000000000176514190141505347",
].join("");

function written() {
  const writer = new SegmentWriter();
  writer.append(QUEUE, block(300, STORED_AT_MS, BATCH));
  writer.append(QUEUE, block(302, STORED_AT_MS, POINTER));
  writer.append(QUEUE, block(304, STORED_AT_MS + 70, POINTER, BATCH));
  writer.addKey(2 ** 40 - 1, 300, STORED_AT_MS);
  writer.addKey(7, 305, STORED_AT_MS + 70);
  writer.append({ ...QUEUE, queueId: 4 }, { ...block(65_536, STORED_AT_MS - 5, BATCH), chainBeforeEnd: 65_000 });
  writer.addKey(7, 65_536, STORED_AT_MS);
  writer.addKey(7, 65_537, STORED_AT_MS + 2 ** 32);
  return writer.end();
}

describe("a segment", () => {
  it("has the bytes it always had", () => {
    expect(Buffer.from(written().object).toString("hex")).toBe(GOLDEN);
  });

  it("is read as it was always written", () => {
    const object = bytes(GOLDEN);
    expect(directoryOf(object)).toMatchObject([
      { ...QUEUE, base: 300, count: 8, storedFromMs: STORED_AT_MS, storedUntilMs: STORED_AT_MS + 70 },
      { ...QUEUE, queueId: 4, base: 65_536, count: 2, storedFromMs: STORED_AT_MS, storedUntilMs: STORED_AT_MS },
    ]);
    const [first, second] = directoryOf(object);
    const common = { closingBytes: 0, expiresAtSeconds: EXPIRES_AT_SECONDS, writeIds: new Set() };
    const frames = [BATCH, POINTER].map(bytes);
    expect(blocksOf(object, first!, first!.pages[0]!)).toEqual([
      { ...common, base: 300, count: 4, bytes: 136, storedFromMs: STORED_AT_MS, frames },
      { ...common, base: 304, count: 2, bytes: 61, storedFromMs: STORED_AT_MS + 70, frames: [frames[1]] },
      { ...common, base: 306, count: 2, bytes: 75, storedFromMs: STORED_AT_MS + 70, frames: [frames[0]] },
    ]);
    expect(blocksOf(object, second!, second!.pages[0]!)).toEqual([
      { ...common, base: 65_536, count: 2, bytes: 75, storedFromMs: STORED_AT_MS, frames: [frames[0]], chainBeforeEnd: 65_000 },
    ]);
    const keys = keysOf(object);
    expect([keys.count, keys.entry(0).hash, keys.entry(3).hash]).toEqual([4, 7, 2 ** 40 - 1]);
    expect(entriesOf(keys, 7)).toEqual([
      { hash: 7, storedAtMs: STORED_AT_MS + 2 ** 32, queueId: 4, offset: 65_537 },
      { hash: 7, storedAtMs: STORED_AT_MS + 70, queueId: 3, offset: 305 },
      { hash: 7, storedAtMs: STORED_AT_MS, queueId: 4, offset: 65_536 },
    ]);
    expect(trailerOf(object).storedFromMs).toBe(STORED_AT_MS);
  });

  it("takes no block out of order, open at its end, or without a time, and no key of another run", () => {
    const at = (base: number, ms = NOW_MS): Block => block(base, ms, BATCH);
    const writer = new SegmentWriter();
    expect(() => new SegmentWriter().end()).toThrow(StoreMisuse);
    expect(() => writer.addKey(1, 10, NOW_MS)).toThrow(StoreMisuse);
    writer.append(QUEUE, at(10));
    expect(() => writer.append(QUEUE, at(10))).toThrow("whose next offset is 12");
    expect(() => writer.append(QUEUE, { ...at(12), count: 0 })).toThrow(StoreMisuse);
    expect(() => writer.append(QUEUE, at(12, Number.POSITIVE_INFINITY))).toThrow(StoreMisuse);
    for (const [hash, offset, ms] of [
      [1, 9, NOW_MS],
      [1, 12, NOW_MS],
      [1, 10, NOW_MS - 1],
      [2 ** 40, 10, NOW_MS],
      [-1, 10, NOW_MS],
    ] as const)
      expect(() => writer.addKey(hash, offset, ms), `${hash} ${offset}`).toThrow(StoreMisuse);
    writer.addKey(1, 11, NOW_MS);
    expect(entriesOf(keysOf(writer.end().object), 1)).toHaveLength(1);
  });

  it("hands over keys for which there is no room, in order", () => {
    const writer = new SegmentWriter();
    writer.append(QUEUE, block(300, STORED_AT_MS, BATCH));
    const count = Math.ceil(SEGMENT_BYTES_MAX / 18);
    for (let key = 0; key < count; key++) writer.addKey((key * 7_919) % 2 ** 40, 300, STORED_AT_MS);
    const { object, keys, keysLeft } = writer.end();
    expect(object.length).toBeLessThan(1_000);
    expect([keys.count, keysLeft.length, keysOf(object).count]).toEqual([0, count, 0]);
    expect(keysLeft[0]?.hash).toBe(0);
    expect(keysLeft[1]?.hash).toBe(7_919);
  });

  it("says how large it becomes, and is never larger than an object", () => {
    const writer = new SegmentWriter();
    const frame = "00".repeat(300_000);
    let base = 0;
    for (; writer.bytesMax < SEGMENT_BYTES_MAX - 600_000; base += 2) {
      writer.append({ ...QUEUE, queueId: base % 4 }, block(base, NOW_MS, frame));
      writer.addKey(base, base, NOW_MS);
    }
    expect(() => {
      const other = new SegmentWriter();
      for (let next = 0; next < 200; next += 2) other.append(QUEUE, block(next, NOW_MS, frame));
    }).toThrow(StoreMisuse);
    const { bytesMax } = writer;
    const { object } = writer.end();
    expect(object.length).toBeLessThanOrEqual(bytesMax);
    expect(object.length).toBeGreaterThan(bytesMax - 10_000);
  });
});
