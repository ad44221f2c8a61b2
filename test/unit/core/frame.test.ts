import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteWriter } from "../../../core/bytes/byte-writer.ts";
import { crc32c } from "../../../core/bytes/crc32c.ts";
import { MESSAGE_ID_CHARS_MAX, SEND_BYTES_MAX, SEND_ENTRIES_MAX } from "../../../core/limits.ts";
import {
  type BatchFrame,
  decodeFrame,
  encodeBatch,
  encodePointer,
  frameWeight,
  readFrameHead,
  readMessages,
  viewRecords,
} from "../../../core/log/frame.ts";
import type { MessageRecord } from "../../../core/message/record-codec.ts";
import type { RecordView } from "../../../core/message/record-view.ts";
import { StoreCorrupt, StoreMisuse } from "../../../core/ports/store-failures.ts";
import { deflateCompressor as compressor } from "../../../functions/runtime/compressor.ts";

const id = Uint8Array.from({ length: 14 }, (_, index) => index + 1);
const storedAtMs = 1_700_000_000_003;

const full: MessageRecord = {
  messageId: undefined,
  bornAtMs: 1_700_000_000_000,
  tag: "created",
  keys: ["k1", "k2"],
  properties: new Map([["src", "web"]]),
  messageGroup: "g",
  priority: 3,
  body: Buffer.from("hello"),
};
const bare: MessageRecord = {
  messageId: "own-id",
  bornAtMs: 1_700_000_000_005,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body: Uint8Array.of(0, 255),
};

/** Stored formats: lines may be added here, never changed. */
const GOLDEN = {
  batch:
    "0100018bcfe568030102030405060708090a0b0c0d0e022f223e05076372656174656402026b31026b3201037372630377656201670368656c6c6f0b0104066f776e2d696400ffb3eefe30",
  pointer:
    "0102018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac02c2ed1ec7",
  weighedPointer:
    "0103018bcfe568030102030405060708090a0b0c0d0e02b9601d6c6f672f72372f3030303030313730303030303030303030332d616263ac0286a43c1665452f",
};
const pointer = { storedAtMs, id, count: 2, objectKey: "log/r7/000001700000000003-abc", byteOffset: 300, byteLength: 12_345 };

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const checksum = (bytes: Uint8Array): Uint8Array => {
  const out = new ByteWriter(4);
  out.u32(crc32c(bytes));
  return out.view();
};
const read = (frame: Uint8Array) => {
  const decoded = decodeFrame(frame, compressor);
  if (decoded.kind !== "batch") throw new Error("not a batch");
  return readMessages(decoded, 0, decoded.count, { queueId: 1, offset: 10, storedAtMs }).messages;
};

describe("a frame", () => {
  it("has the bytes it always had", () => {
    expect(hex(encodeBatch({ storedAtMs, id }, [full, bare]))).toBe(GOLDEN.batch);
    expect(hex(encodePointer(pointer))).toBe(GOLDEN.pointer);
    expect(hex(encodePointer({ ...pointer, unpackedBytes: 987_654 }))).toBe(GOLDEN.weighedPointer);
  });

  it("is read as it was always written", () => {
    const [first, second] = read(Buffer.from(GOLDEN.batch, "hex"));
    expect(first).toMatchObject({
      messageId: "0102030405060708090A0B0C0D0E0000",
      offset: 10,
      tag: "created",
      keys: ["k1", "k2"],
    });
    expect(first).toMatchObject({ bornAtMs: 1_700_000_000_000, messageGroup: "g", priority: 3 });
    expect(second).toMatchObject({ messageId: "own-id", offset: 11, bornAtMs: 1_700_000_000_005, keys: [] });
    expect(decodeFrame(Uint8Array.from(Buffer.from(GOLDEN.pointer, "hex")), compressor)).toMatchObject({
      kind: "pointer",
      ...pointer,
    });
    expect(decodeFrame(Uint8Array.from(Buffer.from(GOLDEN.weighedPointer, "hex")), compressor)).toEqual({
      kind: "pointer",
      ...pointer,
      unpackedBytes: 987_654,
    });
  });

  it("gives back what was sent, packed or not", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 80 });
    const records = fc.array(
      fc.record({
        messageId: fc.option(fc.string({ minLength: 1, maxLength: 64 }), { nil: undefined }),
        bornAtMs: fc.integer({ min: 0, max: 4e12 }),
        tag: fc.option(text, { nil: undefined }),
        keys: fc.array(text, { maxLength: 4 }),
        properties: fc.array(fc.tuple(text, text), { maxLength: 5 }).map((pairs) => new Map(pairs)),
        messageGroup: fc.option(text, { nil: undefined }),
        priority: fc.option(fc.nat(255), { nil: undefined }),
        body: fc.uint8Array({ maxLength: 2_000 }),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(records, fc.boolean(), (sent, packed) => {
        const frame = encodeBatch({ storedAtMs, id }, sent, packed ? compressor : undefined);
        expect(readFrameHead(frame)).toEqual({ storedAtMs, id, count: sent.length });
        for (const [index, message] of read(frame).entries()) {
          const { messageId, body, ...rest } = sent[index] as MessageRecord;
          expect(hex(message.body)).toBe(hex(body));
          expect(message).toMatchObject({ ...rest, offset: 10 + index });
          if (messageId !== undefined) expect(message.messageId).toBe(messageId);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is read from any record on, and only what is wanted", () => {
    const sent = Array.from({ length: 12 }, (_, index) => ({ ...full, body: Buffer.from("x".repeat(index * 40)) }));
    const batch = decodeFrame(encodeBatch({ storedAtMs, id }, sent), compressor) as BatchFrame;
    const lengths = (from: number, count: number, wanted?: ReadonlySet<number>) =>
      readMessages(batch, from, count, { queueId: 1, offset: 100 + from, storedAtMs }, wanted).messages.map(
        ({ offset, body, messageId }) => [offset - 100, body.length / 40, Number.parseInt(messageId.slice(-4), 16)],
      );
    expect(lengths(3, 4)).toEqual([3, 4, 5, 6].map((index) => [index, index, index]));
    expect(lengths(3, 6, new Set([102, 103, 106, 110]))).toEqual([3, 6].map((index) => [index, index, index]));
    const seen: string[] = [];
    const broken = (index: number): void => expect.unreachable(`record ${index}`);
    const see = (view: RecordView, index: number): boolean => {
      seen.push(`${index} ${view.messageGroup} ${view.tag}`);
      return index < 2;
    };
    const stoppedAt = viewRecords(batch, 5, 4, see, broken);
    expect([stoppedAt, seen]).toEqual([2, ["0 g created", "1 g created", "2 g created"]]);
    expect(viewRecords(batch, 5, 4, () => true, broken)).toBeUndefined();
  });

  it("tells which of its records does not decode, and gives the others", () => {
    const frame = encodeBatch({ storedAtMs, id }, [full, { ...full, tag: "garbled" }, full]);
    frame[Buffer.from(frame).indexOf("garbled")] = 0xff;
    const bytes = frame.subarray(0, frame.length - 4);
    const batch = decodeFrame(Uint8Array.of(...bytes, ...checksum(bytes)), compressor) as BatchFrame;
    const { messages, unreadable } = readMessages(batch, 0, 3, { queueId: 1, offset: 10, storedAtMs });
    expect(messages.map(({ offset }) => offset)).toEqual([10, 12]);
    expect(unreadable).toEqual([{ offset: 11, reason: expect.stringContaining("does not decode") }]);
    const [seen, broken]: [number[], number[]] = [[], []];
    viewRecords(
      batch,
      0,
      3,
      (view, index) => view.tag === "created" && seen.push(index) > 0,
      (index) => broken.push(index),
    );
    expect([seen, broken]).toEqual([[0, 2], [1]]);
  });

  it("holds a whole send, and nothing that no reader accepts", () => {
    const text = (length: number) => "é".repeat(length / 2);
    const properties = new Map(Array.from({ length: 16 }, (_, index) => [`property-${index}`, text(1_000)]));
    const send = Array.from({ length: SEND_ENTRIES_MAX }, () => ({
      ...full,
      messageId: text(2 * MESSAGE_ID_CHARS_MAX),
      properties,
      body: new Uint8Array(SEND_BYTES_MAX / SEND_ENTRIES_MAX),
    }));
    for (const packing of [undefined, compressor]) {
      const frame = decodeFrame(encodeBatch({ storedAtMs, id }, send, packing), compressor);
      expect(frame.count).toBe(SEND_ENTRIES_MAX);
    }
    const letters = Array.from({ length: 13 }, () => ({ ...full, body: new Uint8Array(700_000) }));
    expect(() => encodeBatch({ storedAtMs, id }, letters, compressor)).toThrow(StoreMisuse);
  });

  it("is weighed unpacked, also by a pointer that says so", () => {
    const frame = encodeBatch({ storedAtMs, id }, [{ ...full, body: new Uint8Array(50_000) }], compressor);
    expect(frame.length).toBeLessThan(1_000);
    expect(frameWeight(frame)).toBeGreaterThan(50_000);
    expect(frameWeight(encodePointer({ ...pointer, unpackedBytes: frameWeight(frame) }))).toBe(frameWeight(frame));
    expect(frameWeight(encodePointer(pointer))).toBe(4 * 1_024 * 1_024);
  });

  it("is refused when a byte differs, or a newer version wrote it", () => {
    const frame = encodeBatch({ storedAtMs, id }, [full]);
    for (let at = 0; at < frame.length; at++) {
      const changed = frame.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => decodeFrame(changed, compressor)).toThrow(StoreCorrupt);
    }
    const newer = frame.slice();
    newer[0] = 9;
    expect(() => decodeFrame(newer, compressor)).toThrow(/format 9.*knows format 1/);
    expect(() => decodeFrame(frame.subarray(0, 4), compressor)).toThrow(StoreCorrupt);
  });
});
