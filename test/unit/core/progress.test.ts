import { describe, expect, it } from "vitest";
import { BACKOFF_SECONDS_DEFAULT, MAX_ATTEMPTS_DEFAULT } from "../../../core/limits.ts";
import { StoreCorrupt } from "../../../core/ports/store-failures.ts";
import { deferredChanges } from "../../../core/progress/deferred.ts";
import { claimId, freshProgress, givenBackNonce, metaOf, progressOf } from "../../../core/progress/progress.ts";
import { ProgressChange } from "../../../core/progress/progress-change.ts";
import { backoffMs } from "../../../core/settle/settle-messages.ts";

describe("progress", () => {
  it("reads what operations write", () => {
    const meta = { nonce: "abcDE_", attempt: 17, dueMs: 1_800_000_000_123 };
    const item = {
      ...freshProgress("subscrip", 2, 40, 32),
      fAAAA: 8,
      mAAAA: metaOf(meta),
      oAAAA: new Set([31, 0, 4]),
      fBBBB: 3,
      mBBBB: metaOf(meta),
    };
    const progress = progressOf(item);
    expect(progress).toMatchObject({
      generation: 0,
      next: 40,
      hint: 32,
      messagesOut: 0,
      deadLettered: 0,
      expired: 0,
      emptyClaims: ["BBBB"],
    });
    expect([...progress.claims]).toEqual([["AAAA", { id: "AAAA", first: 8, ...meta, open: [0, 4, 31] }]]);
  });

  it("packs meta in 15 characters, as stored", () => {
    expect(metaOf({ nonce: "abcDE_", attempt: 1, dueMs: 1_800_000_000_000 })).toBe("abcDE_ABaMYXFAA");
    expect(givenBackNonce("abcDE_", 1)).toBe(givenBackNonce("abcDE_", 1));
    expect(givenBackNonce("abcDE_", 1)).toMatch(/^~[\w-]{5}$/);
  });

  it("refuses what no write leaves", () => {
    const fresh = freshProgress("subscrip", 2, 8, 0);
    const claim = { fAAAA: 5, mAAAA: metaOf({ nonce: "abcDE_", attempt: 1, dueMs: 1 }) };
    expect(progressOf({ ...fresh, ...claim, oAAAA: new Set([2, 0]) }).claims.size).toBe(1);
    expect(() => progressOf({ ...fresh, ...claim, oAAAA: new Set([3, 0]) })).toThrow(StoreCorrupt);
    const deferring = (offset: number) =>
      deferredChanges(fresh, { offsets: [3, offset], buckets: [1, undefined] })[0] as { value: Uint8Array };
    expect(progressOf({ ...fresh, k: deferring(7).value }).deferred.offsets).toEqual([3, 7]);
    expect(() => progressOf({ ...fresh, k: deferring(8).value })).toThrow(StoreCorrupt);
    expect(() => progressOf({ ...fresh, r: -1 })).toThrow(StoreCorrupt);
    expect(() => progressOf({ ...fresh, oc: -1 })).toThrow(StoreCorrupt);
    const claims = (...sets: readonly (readonly number[])[]) =>
      Object.assign(
        {},
        ...sets.map((open, at) => ({ [`f${at}AAA`]: 1, [`m${at}AAA`]: claim.mAAAA, [`o${at}AAA`]: new Set(open) })),
      );
    expect(progressOf({ ...fresh, ...claims([0, 5], [1, 3], [2, 4]) }).claims.size).toBe(3);
    expect(() => progressOf({ ...fresh, ...claims([0, 5], [1, 3], [2, 5]) })).toThrow(StoreCorrupt);
    expect(() => progressOf({ ...fresh, ...claims([0, 5], [1, 2], [3], [4, 3]) })).toThrow(StoreCorrupt);
    expect(progressOf({ ...fresh, ...claims([0, 5]), k: deferring(7).value }).claims.size).toBe(1);
    expect(() => progressOf({ ...fresh, ...claims([0, 6]), k: deferring(7).value })).toThrow(StoreCorrupt);
    const progress = progressOf({ ...fresh, r: 2 });
    expect(() => new ProgressChange(progress).setMessagesOut(progress, -1)).toThrow(StoreCorrupt);
    expect(() => new ProgressChange(progress).handOut(progress, { next: 7, hint: 0 })).toThrow(RangeError);
  });

  it("hashes a claim id again where it is taken", () => {
    const first = claimId("nonce", () => false);
    expect(claimId("nonce", () => false)).toBe(first);
    expect(claimId("nonce", (id) => id === first)).not.toBe(first);
  });
});

describe("backoff", () => {
  it("follows the list and repeats its last step", () => {
    expect([1, 2, 3, 4].map((attempt) => backoffMs([10, 30, 60], attempt))).toEqual([10_000, 30_000, 60_000, 60_000]);
  });

  it("waits as RocketMQ does by default: 4 h 45 min 40 s over 17 deliveries", () => {
    const waits = Array.from({ length: MAX_ATTEMPTS_DEFAULT - 1 }, (_, index) => backoffMs(BACKOFF_SECONDS_DEFAULT, index + 1));
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBe(17_140_000);
  });

  it("grows exponentially up to its most", () => {
    const backoff = { initialSeconds: 5, multiplier: 2, maxSeconds: 60 };
    expect([1, 2, 3, 4, 5, 40].map((attempt) => backoffMs(backoff, attempt))).toEqual([
      5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]);
  });
});
