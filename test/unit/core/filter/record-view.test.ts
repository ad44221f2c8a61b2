import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../../../core/bytes/byte-reader.ts";
import { ByteWriter } from "../../../../core/bytes/byte-writer.ts";
import { filteredMessage } from "../../../../core/filter/filtered-message.ts";
import { type MessageRecord, readRecord, writeRecord } from "../../../../core/message/record-codec.ts";
import { RecordView } from "../../../../core/message/record-view.ts";

const storedAtMs = 1_700_000_000_000;

function encoded(records: readonly MessageRecord[]): Uint8Array {
  const out = new ByteWriter();
  for (const record of records) writeRecord(out, record, storedAtMs);
  return out.view();
}

const text = fc.string({ unit: "grapheme", maxLength: 40 });
const name = fc.oneof(fc.constantFrom("a", "ab", "b", "KEY", "ключ"), text).filter((chosen) => chosen !== "KEYS");
const record: fc.Arbitrary<MessageRecord> = fc.record({
  messageId: fc.option(text, { nil: undefined }),
  bornAtMs: fc.integer({ min: 0, max: 4e12 }),
  tag: fc.option(text, { nil: undefined }),
  keys: fc.array(text, { maxLength: 3 }),
  properties: fc
    .array(fc.tuple(name, fc.oneof(text, fc.string({ minLength: 130, maxLength: 300 }))), { maxLength: 6 })
    .map((pairs) => new Map(pairs)),
  messageGroup: fc.option(text, { nil: undefined }),
  priority: fc.option(fc.nat(255), { nil: undefined }),
  body: fc.uint8Array({ maxLength: 400 }),
});

describe("a view of records", () => {
  it("shows what decoding them shows", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 6 }), fc.array(name, { maxLength: 3 }), (records, otherNames) => {
        const bytes = encoded(records);
        const reader = new ByteReader(bytes);
        const view = new RecordView(bytes);
        for (const _ of records) {
          const decoded = readRecord(reader, storedAtMs);
          const message = filteredMessage({ ...decoded, messageId: "", queueId: 0, offset: 0, storedAtMs });
          expect(view.next()).toBe(true);
          const names = ["KEYS", "a", "ab", "b", "ключ", ...otherNames, ...[...decoded.properties.keys()].reverse()];
          for (const asked of names) expect(view.property(asked), asked).toBe(message.property(asked));
          expect(view.tag).toBe(decoded.tag);
          expect(view.keys).toEqual(decoded.keys);
          expect(view.ownId).toBe(decoded.messageId);
          expect(view.hasNames).toBe(decoded.keys.length > 0 || decoded.messageId !== undefined);
        }
        expect(view.next()).toBe(false);
        expect(view.next()).toBe(false);
      }),
      { numRuns: 200 },
    );
  });

  it("has nothing to show before the first record", () => {
    const view = new RecordView(encoded([]));
    expect(view.next()).toBe(false);
    expect(() => view.tag).toThrow(RangeError);
    expect(() => view.property("a")).toThrow(RangeError);
  });

  it("throws, if it does, what the full decoder throws for bytes that are no records", () => {
    const look = (bytes: Uint8Array): void => {
      const view = new RecordView(bytes);
      while (view.next()) expect([view.property("a"), view.property("KEYS"), view.tag]).toHaveLength(3);
    };
    const orRangeError = (bytes: Uint8Array): void => {
      try {
        look(bytes);
      } catch (error) {
        // Text that is no UTF-8 is a TypeError of the decoder, for the full decoder as for the view.
        expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), orRangeError), { numRuns: 500 });
    const cut = fc.tuple(fc.array(record, { minLength: 1, maxLength: 3 }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(cut, ([records, share]) => {
        const bytes = encoded(records);
        orRangeError(bytes.subarray(0, Math.floor(share * bytes.length)));
      }),
    );
    expect(() => look(encoded([{ ...minimal, body: Uint8Array.of(1, 2) }]).subarray(0, -1))).toThrow(RangeError);
    expect(() => look(Uint8Array.of(2, 2, 0))).toThrow(RangeError);
    const runsIntoTheNext = new RecordView(Uint8Array.of(2, 8, 0, 0));
    expect(runsIntoTheNext.next()).toBe(true);
    expect(() => runsIntoTheNext.property("a")).toThrow(RangeError);
    expect(() => look(new Uint8Array(50).fill(255))).toThrow(RangeError);
  });
});

const minimal: MessageRecord = {
  messageId: undefined,
  bornAtMs: storedAtMs,
  tag: undefined,
  keys: [],
  properties: new Map(),
  messageGroup: undefined,
  priority: undefined,
  body: Uint8Array.of(1),
};
