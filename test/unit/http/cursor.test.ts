import { describe, expect, it } from "vitest";
import type { Clock } from "../../../core/ports/clock.ts";
import { createCursors } from "../../../functions/http/cursor.ts";
import { hmacSigner } from "../../../functions/runtime/signer.ts";

const DAY_MS = 24 * 3_600_000;

describe("cursors", () => {
  let nowMs = 1_000_000;
  const clock: Clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const cursors = createCursors({ signer: hmacSigner, key: new Uint8Array(32).fill(7), clock });

  it("go through the client unchanged", () => {
    for (const name of ["a", "orders-1", "x".repeat(64)]) {
      const cursor = cursors.encode("topics", name);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(cursors.decode("topics", cursor)).toBe(name);
    }
  });

  it("are good for their own list alone", () => {
    const cursor = cursors.encode("topics", "a");
    expect(() => cursors.decode("groups", cursor)).toThrow("cannot be used");
    const others = createCursors({ signer: hmacSigner, key: new Uint8Array(32).fill(8), clock });
    expect(() => others.decode("topics", cursor)).toThrow("cannot be used");
  });

  it("are refused when any bit of them is changed", () => {
    const bytes = Buffer.from(cursors.encode("topics", "orders"), "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const forged = Buffer.from(bytes);
      forged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => cursors.decode("topics", forged.toString("base64url")), `bit ${bit}`).toThrow("cannot be used");
    }
  });

  it("live for a day", () => {
    const cursor = cursors.encode("topics", "a");
    nowMs += DAY_MS;
    expect(cursors.decode("topics", cursor)).toBe("a");
    nowMs += 1;
    expect(() => cursors.decode("topics", cursor)).toThrow("more than a day old");
  });
});
