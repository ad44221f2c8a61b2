import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SHARED_STORE } from "../../../core/broker-settings.ts";
import { ByteWriter } from "../../../core/bytes/byte-writer.ts";
import { crc32c } from "../../../core/bytes/crc32c.ts";
import { decodeFrame, encodeBatch, encodePointer, frameWeight, readFrameHead } from "../../../core/log/frame.ts";
import { hashesOf, namesInFrame } from "../../../core/log/frame-names.ts";
import { POINTER_HASHES_MAX } from "../../../core/log/log-limits.ts";
import { encodePointerNames } from "../../../core/log/pointer-names.ts";
import { QueueLog } from "../../../core/log/queue-log.ts";
import { keyHash } from "../../../core/message/key-hash.ts";
import type { MessageRecord } from "../../../core/message/record-codec.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";
import { StoreFormat } from "../../../core/store/store-format.ts";
import { deflateCompressor as compressor } from "../../../functions/runtime/compressor.ts";
import { brokerOverTable } from "../../support/broker/broker-over-table.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const TOPIC = { uid: "topicuid", retentionHours: 72, retentionRaises: [], flushMode: "ASYNC_FLUSH" } as const;
const id = Uint8Array.from({ length: 14 }, (_, index) => index + 1);
const storedAtMs = 1_700_000_000_003;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const names = (frame: Uint8Array) => namesInFrame(frame, TOPIC.uid, compressor);

const record = (given: Partial<MessageRecord>): MessageRecord => ({
  messageId: undefined,
  bornAtMs: storedAtMs,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body: Uint8Array.of(7),
  ...given,
});

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const anyRecord = fc
  .record({
    messageId: fc.option(text, { nil: undefined }),
    tag: fc.option(text, { nil: undefined }),
    keys: fc.array(text, { maxLength: 3 }),
    properties: fc.array(fc.tuple(text, text), { maxLength: 2 }).map((pairs) => new Map(pairs)),
    messageGroup: fc.option(text, { nil: undefined }),
    priority: fc.option(fc.nat(255), { nil: undefined }),
    body: fc.uint8Array({ maxLength: 400 }),
  })
  .map(record);
const bare = fc.uint8Array({ maxLength: 400 }).map((body) => record({ body }));

/** The frames of one send, as a log of a format stores them, and of what would be behind a pointer. */
async function stored(records: readonly MessageRecord[], format: number, inlineFrameBytesMax: number): Promise<Uint8Array> {
  const table = brokerOverTable();
  const dependencies = { ...table.dependencies(), format: new StoreFormat(format) };
  const log = new QueueLog(dependencies, { ...SHARED_STORE, packFromBytes: 300, inlineFrameBytesMax });
  await log.append(TOPIC, 0, records);
  const run = await log.reader.run({ topicUid: TOPIC.uid, queueId: 0, retention: TOPIC }, 0, 1);
  return run.blocks[0]?.frames[0] as Uint8Array;
}

/** With the checksum of its bytes as they are now. */
function resealed(frame: Uint8Array): Uint8Array {
  const out = new ByteWriter();
  out.raw(frame.subarray(0, -4));
  out.u32(crc32c(out.view()));
  return out.view();
}

/** What the messages are looked up by, from what was sent. */
const expected = (records: readonly MessageRecord[]) =>
  records.flatMap(({ keys, messageId }, ordinal) => [
    ...keys.map((key) => ({ ordinal, hash: keyHash(TOPIC.uid, "key", key) })),
    ...(messageId === undefined ? [] : [{ ordinal, hash: keyHash(TOPIC.uid, "id", messageId) }]),
  ]);

describe("the names in a frame", () => {
  it("are those of its messages, whether it is plain, packed or a pointer", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(anyRecord, bare), { minLength: 1, maxLength: 25 }),
        fc.boolean(),
        async (records, inline) => {
          const entries = expected(records);
          const frame = await stored(records, 4, inline ? 100_000 : 0);
          expect(names(frame)).toEqual(entries.length === 0 ? { kind: "none" } : { kind: "hashes", entries });
          expect(decodeFrame(frame, compressor).kind).toBe(inline ? "batch" : "pointer");
        },
      ),
      { numRuns: 150 },
    );
  });

  it("are in the object where there are too many, or an older format is written", async () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => record({ keys: [`k${at}`] }));
    const [most, more] = [many(POINTER_HASHES_MAX), many(POINTER_HASHES_MAX + 1)];
    expect(names(await stored(most, 4, 0))).toEqual({ kind: "hashes", entries: expected(most) });
    expect(names(await stored(more, 4, 0))).toEqual({ kind: "in object" });
    expect(names(await stored(most, 3, 0))).toEqual({ kind: "in object" });
    expect(names(await stored(most, 2, 0))).toEqual({ kind: "in object" });
    expect(names(await stored([record({})], 3, 0))).toEqual({ kind: "in object" });
  });

  it("are found in batches of older formats, that do not say whether they have any", async () => {
    const records = [record({ keys: ["a", "b"] }), record({}), record({ messageId: "own" })];
    expect(names(await stored(records, 3, 100_000))).toEqual({ kind: "hashes", entries: expected(records) });
    expect(names(await stored([record({})], 3, 100_000))).toEqual({ kind: "none" });
  });

  it("leave a pointer of 100 messages with a key each small enough for one write unit, block and all", async () => {
    const records = Array.from({ length: 100 }, (_, at) =>
      record({ keys: [`order-${at}`], body: new SeededRandom(at).bytes(200) }),
    );
    expect((await stored(records, 4, 10_240)).length).toBeLessThan(640);
  });

  it("are not those of a message that does not decode", () => {
    const broken = record({ keys: ["aaaa"], messageId: "bbbb" });
    const frame = encodeBatch({ storedAtMs, id }, [record({ keys: ["k1"] }), broken, record({ keys: ["k3"] })]);
    const at = Buffer.from(frame).indexOf("aaaa");
    frame[at] = 0xff;
    expect(() => names(frame)).toThrow(StoreCorrupt);
    expect(names(resealed(frame))).toEqual({
      kind: "hashes",
      entries: [
        { ordinal: 0, hash: keyHash(TOPIC.uid, "key", "k1") },
        { ordinal: 2, hash: keyHash(TOPIC.uid, "key", "k3") },
      ],
    });
  });

  it("are not believed of a damaged frame, whatever it says", async () => {
    const frames = await Promise.all([
      stored([record({})], 4, 10_000),
      stored([record({})], 4, 0),
      stored([record({ keys: ["a"] })], 4, 10_000),
      stored([record({ keys: ["a"] })], 4, 0),
    ]);
    for (const frame of frames) {
      for (let at = 0; at < frame.length; at++) {
        const damaged = frame.slice();
        damaged[at] = (damaged[at] as number) ^ 128;
        expect(() => names(damaged), `byte ${at}`).toThrow(StoreCorrupt);
        expect(() => names(frame.subarray(0, at)), `cut at ${at}`).toThrow(StoreCorrupt);
      }
    }
  });
});

describe("a frame of format 4", () => {
  const pointer = { storedAtMs, id, count: 2, objectKey: "log/r7/000001700000000003-abc", byteOffset: 300, byteLength: 12_345 };
  const two = [record({ keys: ["k1"] }), record({ keys: ["k2"], messageId: "own" })];
  const same = [record({ keys: ["k1"] }), record({ messageId: "own" })];
  const hashes = (records: readonly MessageRecord[]) => encodePointerNames(records.map((one) => hashesOf(TOPIC.uid, one)));
  const naming = { ...pointer, unpackedBytes: 987_654 };

  /** Stored formats: lines may be added here, never changed. */
  const GOLDEN = {
    namelessBatch: "0180018bcfe568030102030405060708090a0b0c0d0e010403000007faf3b23a",
    namelessPointer:
      "0183018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac0286a43c4cdfaa55",
    namingPointer:
      "0104018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac0286a43c02010283d36a464790783d05a40de36ef26442e7ae12",
    sameCounts:
      "0104018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac0286a43c010183d36a46470de36ef264fd44e4ef",
    inObject:
      "0104018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac0286a43c00610b8f9e",
  };

  it("has the bytes it always had", () => {
    expect({
      namelessBatch: hex(encodeBatch({ storedAtMs, id, nameless: true }, [record({})])),
      namelessPointer: hex(encodePointer({ ...naming, nameless: true })),
      namingPointer: hex(encodePointer({ ...naming, names: hashes(two) })),
      sameCounts: hex(encodePointer({ ...naming, names: hashes(same) })),
      inObject: hex(encodePointer({ ...naming, names: hashes([record({ keys: Array(121).fill("k") }), record({})]) })),
    }).toEqual(GOLDEN);
  });

  it("is read as it was always written", () => {
    const golden = (name: keyof typeof GOLDEN) => Uint8Array.from(Buffer.from(GOLDEN[name], "hex"));
    expect(names(golden("namelessBatch"))).toEqual({ kind: "none" });
    expect(names(golden("namelessPointer"))).toEqual({ kind: "none" });
    expect(names(golden("namingPointer"))).toEqual({ kind: "hashes", entries: expected(two) });
    expect(names(golden("sameCounts"))).toEqual({ kind: "hashes", entries: expected(same) });
    expect(names(golden("inObject"))).toEqual({ kind: "in object" });
    for (const name of ["namelessPointer", "namingPointer", "sameCounts", "inObject"] as const) {
      expect(decodeFrame(golden(name), compressor)).toMatchObject({ kind: "pointer", ...naming });
      expect(readFrameHead(golden(name))).toEqual({ storedAtMs, id, count: 2 });
      expect(frameWeight(golden(name))).toBe(987_654);
    }
    expect(frameWeight(golden("namelessBatch"))).toBeLessThan(10);
  });
});
