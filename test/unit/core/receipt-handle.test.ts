import { createHmac, timingSafeEqual } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../../core/errors.ts";
import type { Signer } from "../../../core/ports/signer.ts";
import { type HandedDelivery, ReceiptHandles } from "../../../core/settle/receipt-handle.ts";

const signer: Signer = {
  sign: (key, bytes) => createHmac("sha512", key).update(bytes).digest(),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
const handles = new ReceiptHandles(signer, new Uint8Array(32).fill(7));
const delivery: HandedDelivery = {
  groupUid: "groupUid",
  subscriptionUid: "subscrip",
  queueId: 3,
  held: {
    generation: 1,
    id: "aB-_",
    first: 123_456_789,
    nonce: "nonce1",
    attempt: 2,
    dueMs: 1_800_000_000_000,
    handedOut: 32,
    tagged: false,
  },
};
const codeOf = (text: string): string | undefined => {
  try {
    handles.read(text);
    return undefined;
  } catch (error) {
    return BrokerError.is(error) ? error.code : String(error);
  }
};

describe("a receipt handle", () => {
  it("is read as it was written, each offset with a tag of its own", () => {
    const write = handles.forDelivery(delivery);
    const texts = Array.from({ length: 32 }, (_, offset) => write(offset));
    expect(new Set(texts).size).toBe(32);
    for (const [offset, text] of texts.entries()) expect(handles.read(text)).toEqual({ ...delivery, relativeOffset: offset });
    expect(handles.forDelivery(delivery)(5)).toBe(texts[5]);
  });

  it("of an ordered delivery names messages that lie far apart", () => {
    const offsets = [0, 7, 300, 70_000, 70_001, 200_000];
    const ordered = { ...delivery, held: { ...delivery.held, order: { bucket: 65_535, head: 7 } }, offsets };
    const write = handles.forDelivery(ordered);
    const texts = offsets.map((offset) => write(offset));
    for (const reader of [handles, new ReceiptHandles(signer, new Uint8Array(32).fill(7))])
      expect(texts.map((text) => reader.read(text))).toEqual(offsets.map((relativeOffset) => ({ ...ordered, relativeOffset })));
  });

  it("is refused when any character differs", () => {
    const text = handles.forDelivery(delivery)(4);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "A" ? "B" : "A";
      expect(codeOf(text.slice(0, at) + other + text.slice(at + 1)), `character ${at}`).toBe("INVALID_RECEIPT_HANDLE");
    }
  });

  it("is refused when its parts come from two handles, or from another key", () => {
    const [a, b] = [
      handles.forDelivery(delivery)(1),
      handles.forDelivery({ ...delivery, held: { ...delivery.held, attempt: 3 } })(1),
    ];
    expect(codeOf(`${a.split(".")[0]}.${b.split(".")[1]}`)).toBe("INVALID_RECEIPT_HANDLE");
    expect(codeOf(new ReceiptHandles(signer, new Uint8Array(32)).forDelivery(delivery)(1))).toBe("INVALID_RECEIPT_HANDLE");
  });

  it("is refused, never a crash, whatever it is", () => {
    fc.assert(fc.property(fc.string({ maxLength: 600 }), (text) => codeOf(text) === "INVALID_RECEIPT_HANDLE"));
    fc.assert(fc.property(fc.base64String(), fc.base64String(), (a, b) => codeOf(`${a}.${b}`) === "INVALID_RECEIPT_HANDLE"));
  });
});
